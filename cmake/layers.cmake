# The layer table: a folder of src/ uses only the folders its line names (and itself).
# tests/layers_test.py compares it with the includes; cmake links by it. Keep in step with doc/architecture.md.
set(TSERVER_LAYERS
    "base:"
    "log:base"
    "os:base"
    "crypto:base"
    "config:base os"
    "trust:base crypto"
    "store:base os crypto"
    "net:base log os crypto"
    "tftp:base os net"
    "capf:base crypto net"
    "control:base log os net"
    "doctor:base os crypto config trust store net tftp control"
    "link:base log os crypto config trust store net tftp capf control doctor"
    "console:base log os net control"
    "supervisor:base log os config store net control"
    "cli:base log os crypto config trust store net control doctor"
    "sim:base crypto net"
)

# tserver_layers_of(<folder> <out>): the folders that <folder> may use.
function(tserver_layers_of folder out)
    foreach(line IN LISTS TSERVER_LAYERS)
        if(line MATCHES "^${folder}:(.*)$")
            string(REPLACE " " ";" uses "${CMAKE_MATCH_1}")
            set(${out} ${uses} PARENT_SCOPE)
            return()
        endif()
    endforeach()
    message(FATAL_ERROR "no layer line for ${folder}")
endfunction()
