# wasabi_test(NAME name LAYERS layer... SOURCES x_test.cc... [LINKS external...] [NOT_FOR_THREAD_SANITIZER])
#   one GoogleTest program per layer; each of its cases is a ctest test labelled 'unit'
# wasabi_fuzzer(NAME name LAYERS layer... SOURCE x_fuzz.cc CORPUS dir)
#   a libFuzzer program; ctest (label 'fuzz') runs it over its corpus and for a few seconds more

find_package(GTest REQUIRED)
include(GoogleTest)
# Everything that ctest runs; sanitized trees build nothing else.
add_custom_target(tests)
# The most that one case may take.
set(WASABI_TEST_SECONDS 120)
if(WASABI_SANITIZE)
  set(WASABI_TEST_SECONDS 400)
endif()
set(WASABI_FUZZ_SECONDS 5 CACHE STRING "how long each fuzzer runs in the test suite")

function(wasabi_test)
  cmake_parse_arguments(ARG "NOT_FOR_THREAD_SANITIZER" "NAME" "LAYERS;SOURCES;LINKS" ${ARGN})
  if(ARG_NOT_FOR_THREAD_SANITIZER AND WASABI_SANITIZE STREQUAL "thread")
    return()
  endif()
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  list(TRANSFORM ARG_LAYERS PREPEND wasabi_)
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_LAYERS} ${ARG_LINKS} GTest::gmock GTest::gtest_main
    wasabi_compile_options)
  if(WASABI_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Halves the time that clang takes for them, which is more than they then run longer. g++ would gain nothing.
    target_compile_options(${ARG_NAME} PRIVATE -O0)
  endif()
  add_dependencies(tests ${ARG_NAME})
  gtest_discover_tests(${ARG_NAME} TEST_PREFIX "${ARG_NAME}." DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit TIMEOUT ${WASABI_TEST_SECONDS})
endfunction()

function(wasabi_fuzzer)
  if(NOT WASABI_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "NAME;SOURCE;CORPUS" "LAYERS;LINKS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCE})
  list(TRANSFORM ARG_LAYERS PREPEND wasabi_)
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_LAYERS} ${ARG_LINKS} wasabi_compile_options)
  target_link_options(${ARG_NAME} PRIVATE -fsanitize=fuzzer)
  add_dependencies(tests ${ARG_NAME})
  set(found "${CMAKE_BINARY_DIR}/corpus/${ARG_NAME}")
  file(MAKE_DIRECTORY "${found}")
  # New inputs go to the first folder, outside the source tree; the second one is the corpus in the tree.
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} -max_total_time=${WASABI_FUZZ_SECONDS} -rss_limit_mb=2048 -timeout=10
    "-artifact_prefix=${CMAKE_BINARY_DIR}/" "${found}" "${ARG_CORPUS}")
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS fuzz TIMEOUT 600)
endfunction()
