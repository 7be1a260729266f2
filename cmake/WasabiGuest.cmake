# Compiles programs to WebAssembly for the tests and the examples: clang-19 with Debian's wasi-libc, wabt for text
# modules, our own wasabi-componentize for components.

find_program(WASABI_WASM_CLANG NAMES clang-19 clang REQUIRED)
find_program(WASABI_WASM_CLANGXX NAMES clang++-19 clang++ REQUIRED)
find_program(WASABI_WAT2WASM wat2wasm REQUIRED)

set(WASABI_GUEST_COMPILE_FLAGS --target=wasm32-wasi -O2 -Wall -Wextra -Wconversion -Wshadow -Werror)
set(WASABI_GUEST_FLAGS ${WASABI_GUEST_COMPILE_FLAGS} -Wl,--strip-all)

# wasabi_p1_guest(OUTPUT file.wasm SOURCES x.c... [FLAGS flag...] [DEPENDS header...])
function(wasabi_p1_guest)
  cmake_parse_arguments(ARG "" "OUTPUT" "SOURCES;FLAGS;DEPENDS" ${ARGN})
  list(TRANSFORM ARG_SOURCES PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  list(TRANSFORM ARG_DEPENDS PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  set(compiler ${WASABI_WASM_CLANG} -std=gnu17)
  if(ARG_SOURCES MATCHES "\\.cc")
    set(compiler ${WASABI_WASM_CLANGXX} -std=gnu++20 -fno-exceptions -fno-rtti)
  endif()
  add_custom_command(OUTPUT "${ARG_OUTPUT}"
    COMMAND ${compiler} ${WASABI_GUEST_FLAGS} ${ARG_FLAGS} ${ARG_SOURCES} -o "${ARG_OUTPUT}"
    DEPENDS ${ARG_SOURCES} ${ARG_DEPENDS} COMMENT "Guest ${ARG_OUTPUT}" VERBATIM)
endfunction()

# wasabi_wat_guest(OUTPUT file.wasm SOURCE x.wat)
function(wasabi_wat_guest)
  cmake_parse_arguments(ARG "" "OUTPUT;SOURCE" "" ${ARGN})
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SOURCE}")
  add_custom_command(OUTPUT "${ARG_OUTPUT}"
    COMMAND ${WASABI_WAT2WASM} "${source}" -o "${ARG_OUTPUT}"
    DEPENDS "${source}" COMMENT "Guest ${ARG_OUTPUT}" VERBATIM)
endfunction()

# The C library of our wasi:http programs, compiled once: guest_objects/web.o and http_guest.o.
get_filename_component(WASABI_WEB_DIR "${CMAKE_CURRENT_LIST_DIR}/../examples/wasi_http_c" ABSOLUTE)
set(WASABI_WEB_OBJECT_DIR "${CMAKE_BINARY_DIR}/guest_objects")
set(WASABI_WEB_OBJECTS "${WASABI_WEB_OBJECT_DIR}/web.o" "${WASABI_WEB_OBJECT_DIR}/http_guest.o")
function(wasabi_web_library)
  file(MAKE_DIRECTORY "${WASABI_WEB_OBJECT_DIR}")
  set(bindings "${WASABI_WEB_DIR}/bindings")
  add_custom_command(OUTPUT "${WASABI_WEB_OBJECT_DIR}/web.o"
    COMMAND ${WASABI_WASM_CLANG} -std=gnu17 ${WASABI_GUEST_COMPILE_FLAGS} -c "${WASABI_WEB_DIR}/web.c"
      -o "${WASABI_WEB_OBJECT_DIR}/web.o"
    DEPENDS "${WASABI_WEB_DIR}/web.c" "${WASABI_WEB_DIR}/web.h" "${bindings}/http_guest.h" VERBATIM)
  # Generated code does not follow our warnings.
  add_custom_command(OUTPUT "${WASABI_WEB_OBJECT_DIR}/http_guest.o"
    COMMAND ${WASABI_WASM_CLANG} --target=wasm32-wasi -O2 -w -c "${bindings}/http_guest.c"
      -o "${WASABI_WEB_OBJECT_DIR}/http_guest.o"
    DEPENDS "${bindings}/http_guest.c" "${bindings}/http_guest.h" VERBATIM)
  add_custom_target(wasabi_web_library DEPENDS ${WASABI_WEB_OBJECTS})
endfunction()
if(NOT TARGET wasabi_web_library)
  wasabi_web_library()
endif()

# wasabi_componentize(OUTPUT file.wasm CORE core.wasm [OPTIONS option...])
function(wasabi_componentize)
  cmake_parse_arguments(ARG "" "OUTPUT;CORE" "OPTIONS" ${ARGN})
  set(tool "${CMAKE_BINARY_DIR}/bin/wasabi-componentize")
  add_custom_command(OUTPUT "${ARG_OUTPUT}"
    COMMAND "${tool}" ${ARG_OPTIONS} "${ARG_CORE}" "${ARG_OUTPUT}"
    DEPENDS "${ARG_CORE}" "${tool}" COMMENT "Component ${ARG_OUTPUT}" VERBATIM)
endfunction()

# wasabi_http_guest(OUTPUT file.wasm SOURCE x.c)
# x.c includes "web.h" and implements web_handle().
function(wasabi_http_guest)
  cmake_parse_arguments(ARG "" "OUTPUT;SOURCE" "" ${ARGN})
  get_filename_component(name "${ARG_OUTPUT}" NAME_WE)
  set(core "${WASABI_WEB_OBJECT_DIR}/${name}.core.wasm")
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SOURCE}")
  add_custom_command(OUTPUT "${core}"
    COMMAND ${WASABI_WASM_CLANG} -std=gnu17 ${WASABI_GUEST_FLAGS} -mexec-model=reactor "-I${WASABI_WEB_DIR}"
      "${source}" ${WASABI_WEB_OBJECTS} "${WASABI_WEB_DIR}/bindings/http_guest_component_type.o" -o "${core}"
    DEPENDS "${source}" ${WASABI_WEB_OBJECTS} "${WASABI_WEB_DIR}/web.h" COMMENT "Guest ${core}" VERBATIM)
  wasabi_componentize(OUTPUT "${ARG_OUTPUT}" CORE "${core}")
endfunction()
