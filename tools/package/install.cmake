# SPDX-License-Identifier: MIT
# What `cmake --install` and CPack put where. Nothing that is installed names the prefix, so that
# the tree can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/membudget)
foreach(kind IN ITEMS static shared)
  if(TARGET membudget_${kind})
    install(TARGETS membudget_${kind} EXPORT membudget-${kind}
      ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
      LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT development
      INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(EXPORT membudget-${kind} NAMESPACE membudget:: DESTINATION ${package_dir}
      COMPONENT development)
  endif()
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/membudget TYPE INCLUDE COMPONENT development
  FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")

# fmt's namespace has its major version, so that no other one links. Unknown where fmt was added.
set(fmt_versions "")
if(fmt_VERSION MATCHES "^[0-9]+")
  math(EXPR fmt_next_major "${CMAKE_MATCH_0} + 1")
  set(fmt_versions ${fmt_VERSION}...<${fmt_next_major})
endif()
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/membudget-config.cmake.in
  ${PROJECT_BINARY_DIR}/package/membudget-config.cmake INSTALL_DESTINATION ${package_dir}
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Before 1.0 a minor version may break what is built against it.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(compatibility SameMinorVersion)
else()
  set(compatibility SameMajorVersion)
endif()
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/membudget-config-version.cmake
  COMPATIBILITY ${compatibility})
install(FILES ${PROJECT_BINARY_DIR}/package/membudget-config.cmake
  ${PROJECT_BINARY_DIR}/package/membudget-config-version.cmake
  DESTINATION ${package_dir} COMPONENT development)

# pkg-config finds the tree from where its own file is, unless folders were asked for by whole paths.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH pc_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
  string(PREPEND pc_prefix "\${pcfiledir}/")
endif()
foreach(folder IN ITEMS LIBDIR INCLUDEDIR)
  set(pc_${folder} ${CMAKE_INSTALL_${folder}})
  if(NOT IS_ABSOLUTE ${pc_${folder}})
    string(PREPEND pc_${folder} "\${prefix}/")
  endif()
endforeach()
# What a C linker does not add by itself. By name and not as Requires.private, which pkg-config
# would ask for when the shared library is linked too.
set(private_libraries ${CMAKE_DL_LIBS} ${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES})
list(REMOVE_ITEM private_libraries c gcc gcc_s)
list(REMOVE_DUPLICATES private_libraries)
list(TRANSFORM private_libraries PREPEND -l)
list(JOIN private_libraries " " private_libraries)
if(NOT MEMBUDGET_FMT_HEADER_ONLY)
  string(PREPEND private_libraries "-lfmt ")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/membudget.pc.in ${PROJECT_BINARY_DIR}/package/membudget.pc
  @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/membudget.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

install(FILES ${CMAKE_CURRENT_LIST_DIR}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR}
  COMPONENT library)
# Packed, as Debian wants it; man and people's pagers unpack by themselves.
find_program(MEMBUDGET_GZIP gzip REQUIRED)
add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/package/changelog.gz
  COMMAND ${MEMBUDGET_GZIP} -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md
          > ${PROJECT_BINARY_DIR}/package/changelog.gz
  DEPENDS ${PROJECT_SOURCE_DIR}/CHANGELOG.md COMMENT "Packing the changelog" VERBATIM)
add_custom_target(membudget_changelog ALL DEPENDS ${PROJECT_BINARY_DIR}/package/changelog.gz)
install(FILES ${PROJECT_BINARY_DIR}/package/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR}
  COMPONENT library)

if(MEMBUDGET_BUILD_TOOLS)
  install(TARGETS membudget_program RUNTIME COMPONENT program)
  # The program writes its own manual page and completions; one built for another machine cannot.
  if(NOT CMAKE_CROSSCOMPILING)
    set(written ${PROJECT_BINARY_DIR}/package)
    add_custom_command(
      OUTPUT ${written}/membudget.1 ${written}/membudget.1.gz ${written}/membudget.bash ${written}/_membudget
             ${written}/membudget.fish
      COMMAND membudget_program manual > ${written}/membudget.1
      COMMAND ${MEMBUDGET_GZIP} -9nc ${written}/membudget.1 > ${written}/membudget.1.gz
      COMMAND membudget_program completion bash > ${written}/membudget.bash
      COMMAND membudget_program completion zsh > ${written}/_membudget
      COMMAND membudget_program completion fish > ${written}/membudget.fish
      DEPENDS membudget_program
      COMMENT "Writing the manual page and completions" VERBATIM)
    add_custom_target(membudget_manual ALL DEPENDS ${written}/membudget.1)
    install(FILES ${written}/membudget.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
      COMPONENT program)
    install(FILES ${written}/membudget.bash RENAME membudget
      DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT program)
    install(FILES ${written}/_membudget
      DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT program)
    install(FILES ${written}/membudget.fish
      DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT program)
  endif()
endif()

# cpack -G DEB or TGZ: one package with everything.
set(CPACK_PACKAGE_VENDOR membudget)
set(CPACK_PACKAGE_CONTACT "membudget <membudget@users.noreply.github.com>")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_RESOURCE_FILE_README ${PROJECT_SOURCE_DIR}/README.md)
set(CPACK_STRIP_FILES ON)
set(CPACK_MONOLITHIC_INSTALL ON)
set(CPACK_GENERATOR TGZ)
string(TOLOWER ${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR} system)
if(APPLE)
  string(REPLACE ";" "-" architectures "${CMAKE_OSX_ARCHITECTURES}")
  set(system macos-${architectures})
  if(architectures STREQUAL "")
    set(system macos-${CMAKE_SYSTEM_PROCESSOR})
  elseif(CMAKE_OSX_ARCHITECTURES MATCHES ";")
    set(system macos-universal)
  endif()
endif()
set(CPACK_PACKAGE_FILE_NAME membudget-${PROJECT_VERSION}-${system})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS would do, but with scripts that run ldconfig.
if(TARGET membudget_shared)
  # The package has no version in its name: a later one replaces the library.
  get_target_property(soversion membudget_shared SOVERSION)
  math(EXPR next_soversion "${PROJECT_VERSION_MINOR} + 1")
  string(PREPEND next_soversion ${PROJECT_VERSION_MAJOR}.)
  file(WRITE ${PROJECT_BINARY_DIR}/package/shlibs
    "libmembudget ${soversion} membudget (>= ${PROJECT_VERSION}), membudget (<< ${next_soversion}~)\n")
  file(WRITE ${PROJECT_BINARY_DIR}/package/triggers "activate-noawait ldconfig\n")
  set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/package/shlibs
      ${PROJECT_BINARY_DIR}/package/triggers)
endif()
# Without it models over the network are refused, and nothing else.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libcurl4, ca-certificates")
if(NOT MEMBUDGET_FMT_HEADER_ONLY)
  set(CPACK_DEBIAN_PACKAGE_SUGGESTS libfmt-dev)
endif()
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
    "memory-budget planner for language models on Apple Silicon")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Predicts what a language model takes of a Mac's memory, part by part and to the
byte, whether it fits, how far its context can go and how fast it will be, by
simulating the engine that allocates it (llama.cpp, Ollama, MLX and others).
Nothing is downloaded for it. Contains the program, the library for C++ and C,
and their headers.")
include(CPack)
