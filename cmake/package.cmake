# Where everything goes when it is installed, and the Debian package (`scripts/package`).
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # a package needs the programs, not the tests
include(GNUInstallDirs)

install(TARGETS tserver tserver-link tserver-console DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS tserverctl DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES packaging/systemd/tserver.service packaging/systemd/tserver-console.service DESTINATION lib/systemd/system)
install(FILES packaging/systemd/tserver.sysusers DESTINATION lib/sysusers.d RENAME tserver.conf)
install(FILES packaging/tserver.conf DESTINATION /etc/tserver PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
install(FILES packaging/logrotate DESTINATION /etc/logrotate.d RENAME tserver)
install(FILES packaging/completion/tserverctl DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES packaging/debian/copyright README.md doc/options.md doc/install.md doc/openapi.yaml
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/tserver)
install(DIRECTORY packaging/prometheus packaging/grafana DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/tserver)

# Manual pages compressed as Debian wants them, without a time in them, so that the same sources make the same package.
file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/packaging/man/*.[58])
foreach(page IN LISTS pages)
    get_filename_component(name ${page} NAME)
    string(REGEX MATCH "[58]$" section ${name})
    install(CODE "
        set(folder \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/man/man${section}\")
        file(MAKE_DIRECTORY \"\${folder}\")
        execute_process(COMMAND gzip -9nc \"${page}\" OUTPUT_FILE \"\${folder}/${name}.gz\" COMMAND_ERROR_IS_FATAL ANY)
        file(CHMOD \"\${folder}/${name}.gz\" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)")
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tserver)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the maintainers of tserver <tserver@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "open T-Server for Cisco UCM with TLS")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "open T-Server for Cisco UCM with TLS
Carries the CTI links of contact centre applications to Cisco CTIManager over mutual TLS: fetches the cluster's trust list, \
enrols one client certificate per link with CAPF, keeps both encrypted, and says at every moment what each link does and what \
to do where one does not.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION comm)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | passwd")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS bash-completion)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(script postinst prerm postrm conffiles)
    list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/debian/${script})
endforeach()
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/package)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
include(CPack)
