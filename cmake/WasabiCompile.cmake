# Compiler flags shared by every target, and the sanitizer and fuzzing variants (see CMakePresets.json).

set(WASABI_SANITIZE "" CACHE STRING "sanitizers to build with: empty, 'address,undefined' or 'thread'")
option(WASABI_FUZZ "build the libFuzzer targets as well (needs clang)" OFF)

add_library(wasabi_compile_options INTERFACE)
target_compile_options(wasabi_compile_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(wasabi_compile_options INTERFACE -Wthread-safety)
endif()

# Paths in the objects are relative to the tree, so that a second clone finds the first one's objects in ccache.
add_compile_options("-ffile-prefix-map=${CMAKE_SOURCE_DIR}=." "-ffile-prefix-map=${CMAKE_BINARY_DIR}=build")
# Sanitized and fuzzed builds want frames in their reports.
if(WASABI_SANITIZE)
  add_compile_options(-fsanitize=${WASABI_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${WASABI_SANITIZE})
  if(WASABI_SANITIZE MATCHES "undefined")
    # This check opens a pipe to look at an object, and calls every object bad in a test that has used up all descriptors.
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()
if(WASABI_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(WASABI_CCACHE ccache)
if(WASABI_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${WASABI_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER "${WASABI_CCACHE}")
endif()
find_program(WASABI_MOLD mold)
if(WASABI_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
