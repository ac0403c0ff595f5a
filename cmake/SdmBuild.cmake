# Compiler settings, dependencies and the helpers that every folder uses.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

function(sdm_pkg target)
  pkg_check_modules(${target} REQUIRED IMPORTED_TARGET ${ARGN})
endfunction()

sdm_pkg(GLIB glib-2.0>=2.74)
sdm_pkg(GIO gio-2.0 gio-unix-2.0)
sdm_pkg(JANSSON jansson)
sdm_pkg(RABBITMQ librabbitmq)
sdm_pkg(SSL openssl)
sdm_pkg(PQ libpq)
sdm_pkg(IGRAPH igraph)
sdm_pkg(CURL libcurl)
sdm_pkg(LIBVIRT libvirt libvirt-qemu)
sdm_pkg(MICROHTTPD libmicrohttpd)
sdm_pkg(FUSE fuse3)
sdm_pkg(SYSTEMD libsystemd)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(SDM_FAULTS "compile fault points in" OFF)
option(SDM_FUZZ "build the libFuzzer targets; needs clang" OFF)
set(SDM_SANITIZE "" CACHE STRING "sanitizers, comma separated: address,undefined or thread")

add_library(sdm_flags INTERFACE)
target_compile_options(sdm_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
  -Wno-missing-field-initializers -fno-common -fstack-protector-strong)
target_compile_definitions(sdm_flags INTERFACE
  _GNU_SOURCE SDM_VERSION="${PROJECT_VERSION}" G_LOG_USE_STRUCTURED $<$<BOOL:${SDM_FAULTS}>:SDM_FAULTS>)
target_include_directories(sdm_flags INTERFACE ${CMAKE_SOURCE_DIR}/services)
if(SDM_SANITIZE)
  target_compile_options(sdm_flags INTERFACE
    -fsanitize=${SDM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(sdm_flags INTERFACE -fsanitize=${SDM_SANITIZE})
endif()

# sdm_layer(NAME SOURCES ... USES ... OWNS ...): one layer of the architecture as a static library.
# USES names layers, OWNS names third-party targets.
function(sdm_layer name)
  cmake_parse_arguments(L "" "" "SOURCES;USES;OWNS" ${ARGN})
  add_library(sdm_${name} STATIC ${L_SOURCES})
  list(TRANSFORM L_USES PREPEND sdm_)
  target_link_libraries(sdm_${name} PUBLIC sdm_flags PkgConfig::GLIB ${L_USES} PRIVATE ${L_OWNS})
endfunction()

# sdm_program(NAME SOURCES ... USES ... OWNS ...): one executable, installed.
function(sdm_program name)
  cmake_parse_arguments(P "" "" "SOURCES;USES;OWNS" ${ARGN})
  add_executable(${name} ${P_SOURCES})
  list(TRANSFORM P_USES PREPEND sdm_)
  target_link_libraries(${name} PRIVATE sdm_flags PkgConfig::GLIB ${P_USES} ${P_OWNS})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
endfunction()

# sdm_unit_test(PATH USES ...): tests/unit/PATH_test.c as a Criterion program; label "unit".
function(sdm_unit_test path)
  cmake_parse_arguments(T "" "" "SOURCES;USES;OWNS" ${ARGN})
  string(REPLACE "/" "-" name ${path})
  add_executable(test-${name} ${CMAKE_SOURCE_DIR}/tests/unit/${path}_test.c ${T_SOURCES})
  list(TRANSFORM T_USES PREPEND sdm_)
  target_link_libraries(test-${name} PRIVATE sdm_flags PkgConfig::GLIB ${T_USES} ${T_OWNS} criterion)
  add_test(NAME unit/${path} COMMAND test-${name})
  set_tests_properties(unit/${path} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
