# Builds the Cargo workspace in engine/. The two packages are built by two cargo calls, because the features of
# one call are unified and the server must not contain a compiler. Cargo's own target folder lies beside the
# CMake build trees and is shared by all presets and clones: sanitizers instrument the C++ only.

set(WASABI_CARGO_TARGET_DIR "$ENV{WASABI_CARGO_TARGET_DIR}" CACHE PATH "where cargo puts its build tree")
if(NOT WASABI_CARGO_TARGET_DIR)
  set(WASABI_CARGO_TARGET_DIR "${CMAKE_BINARY_DIR}/cargo" CACHE PATH "where cargo puts its build tree" FORCE)
endif()
find_program(WASABI_CARGO cargo REQUIRED)

set(WASABI_ENGINE_DIR "${CMAKE_SOURCE_DIR}/engine")

# wasabi_cargo(NAME target PACKAGE package OUTPUT path-under-release)
# Cargo decides itself what is out of date; its result is copied into this build tree only when it differs, so
# that two clones sharing the target folder do not trip over each other and nothing is linked again in vain.
function(wasabi_cargo)
  cmake_parse_arguments(ARG "" "NAME;PACKAGE;OUTPUT" "" ${ARGN})
  get_filename_component(file_name "${ARG_OUTPUT}" NAME)
  add_custom_target(${ARG_NAME}_build
    COMMAND ${CMAKE_SOURCE_DIR}/cmake/cargo-build "${WASABI_CARGO}" "${WASABI_ENGINE_DIR}" "${WASABI_CARGO_TARGET_DIR}"
      "${ARG_PACKAGE}" "${ARG_OUTPUT}" "${CMAKE_BINARY_DIR}/bin/${file_name}"
    BYPRODUCTS "${CMAKE_BINARY_DIR}/bin/${file_name}"
    USES_TERMINAL VERBATIM)
endfunction()

wasabi_cargo(NAME wasabi_runtime PACKAGE wasabi-runtime OUTPUT libwasabi_runtime.a)
wasabi_cargo(NAME wasabi_compiler PACKAGE wasabi-compiler OUTPUT wasabi-compile)
wasabi_cargo(NAME wasabi_componentize PACKAGE wasabi-componentize OUTPUT wasabi-componentize)

if(WASABI_SANITIZE STREQUAL "thread")
  # Nothing in the library is instrumented. In a file of its own it can be named in scripts/tsan-suppressions: then what
  # it calls of libc is not taken for accesses of ours, while what calls back from it into C++ is looked at as ever.
  set(wasabi_runtime_archive "${CMAKE_BINARY_DIR}/bin/libwasabi_runtime.a")
  set(wasabi_runtime_file "${CMAKE_BINARY_DIR}/bin/libwasabi_runtime.so")
  add_custom_command(OUTPUT "${wasabi_runtime_file}"
    COMMAND "${CMAKE_CXX_COMPILER}" -shared -o "${wasabi_runtime_file}" -Wl,-soname,libwasabi_runtime.so
      -Wl,--whole-archive "${wasabi_runtime_archive}" -Wl,--no-whole-archive -lpthread -ldl -lm
    DEPENDS wasabi_runtime_build "${wasabi_runtime_archive}" VERBATIM)
  add_custom_target(wasabi_runtime_shared DEPENDS "${wasabi_runtime_file}")
  add_library(wasabi_runtime SHARED IMPORTED GLOBAL)
  add_dependencies(wasabi_runtime wasabi_runtime_shared)
else()
  set(wasabi_runtime_file "${CMAKE_BINARY_DIR}/bin/libwasabi_runtime.a")
  add_library(wasabi_runtime STATIC IMPORTED GLOBAL)
  add_dependencies(wasabi_runtime wasabi_runtime_build)
endif()
set_target_properties(wasabi_runtime PROPERTIES
  IMPORTED_LOCATION "${wasabi_runtime_file}"
  INTERFACE_INCLUDE_DIRECTORIES "${WASABI_ENGINE_DIR}/runtime/include"
  INTERFACE_LINK_LIBRARIES "Threads::Threads;dl;m")
