# SPDX-License-Identifier: MIT
# nlohmann-json and fmt for WebAssembly: only their headers are used, so those of the machine that
# builds will do. They are linked to from a folder of their own, for everything else in /usr/include
# is of another C library.
find_path(nlohmann_headers nlohmann/json.hpp PATHS /usr/include /opt/homebrew/include REQUIRED
          NO_CMAKE_FIND_ROOT_PATH NO_DEFAULT_PATH)
find_path(fmt_headers fmt/format.h PATHS /usr/include /opt/homebrew/include REQUIRED
          NO_CMAKE_FIND_ROOT_PATH NO_DEFAULT_PATH)
set(headers ${CMAKE_CURRENT_BINARY_DIR}/headers)
file(MAKE_DIRECTORY ${headers})
file(CREATE_LINK ${nlohmann_headers}/nlohmann ${headers}/nlohmann SYMBOLIC)
file(CREATE_LINK ${fmt_headers}/fmt ${headers}/fmt SYMBOLIC)

add_library(nlohmann_json INTERFACE)
add_library(nlohmann_json::nlohmann_json ALIAS nlohmann_json)
target_include_directories(nlohmann_json SYSTEM INTERFACE ${headers})
add_library(fmt INTERFACE)
add_library(fmt::fmt ALIAS fmt)
target_include_directories(fmt SYSTEM INTERFACE ${headers})
target_compile_definitions(fmt INTERFACE FMT_HEADER_ONLY)
add_library(threads INTERFACE)
add_library(Threads::Threads ALIAS threads)
