# Warnings are errors; hardening is on in every build.
add_compile_options(
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -Wcast-align -Woverloaded-virtual -Wnull-dereference -Wformat=2 -Wimplicit-fallthrough -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # -Wnull-dereference and -Wmaybe-uninitialized report inside coroutine frames that g++ 12 makes itself.
    add_compile_options(-Wduplicated-cond -Wlogical-op -Wno-null-dereference -Wno-maybe-uninitialized)
    if(CMAKE_UNITY_BUILD)
        # It takes the file that includes the sources for one that is included elsewhere too.
        add_compile_options(-Wno-subobject-linkage)
    endif()
endif()
add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection)
add_link_options(-Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT TSERVER_SANITIZE AND NOT TSERVER_FUZZ)
    add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
if(TSERVER_SANITIZE)
    # The instrumented code makes g++ see bounds that are not there.
    add_compile_options(-fsanitize=${TSERVER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -Wno-array-bounds)
    add_link_options(-fsanitize=${TSERVER_SANITIZE})
endif()
if(TSERVER_FUZZ)
    # clang 14 cannot place the prologue that -fsanitize=function wants in front of coroutines.
    add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=function -fno-sanitize-recover=all)
    add_link_options(-fsanitize=address,undefined)
endif()
if(TSERVER_COVERAGE)
    add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
    add_link_options(-fprofile-instr-generate)
endif()
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
