# Compiles programs to WebAssembly for the tests and the examples: clang-19 with Debian's wasi-libc, wabt for text
# modules, our own wasabi-componentize for components.

find_program(WASABI_WASM_CLANG NAMES clang-19 clang REQUIRED)
find_program(WASABI_WASM_CLANGXX NAMES clang++-19 clang++ REQUIRED)
find_program(WASABI_WAT2WASM wat2wasm REQUIRED)

set(WASABI_GUEST_FLAGS --target=wasm32-wasi -O2 -Wall -Wextra -Wconversion -Wshadow -Werror -Wl,--strip-all)

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
