# cmake -DSCRATCH=dir -P run.cmake: the layers hold (the test `layers` of ctest).

function(attempt)
  cmake_parse_arguments(ARG "" "CASE;EXPECT_ERROR" "OPTIONS" ${ARGN})
  set(tree "${SCRATCH}/${ARG_CASE}")
  file(REMOVE_RECURSE "${tree}")
  execute_process(COMMAND ${CMAKE_COMMAND} -G Ninja -S "${CMAKE_CURRENT_LIST_DIR}" -B "${tree}" ${ARG_OPTIONS}
    RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(status EQUAL 0)
    execute_process(COMMAND ${CMAKE_COMMAND} --build "${tree}"
      RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
  endif()
  if(NOT ARG_EXPECT_ERROR AND NOT status EQUAL 0)
    message(FATAL_ERROR "${ARG_CASE}: allowed, and yet it failed:\n${said}")
  elseif(ARG_EXPECT_ERROR AND status EQUAL 0)
    message(FATAL_ERROR "${ARG_CASE}: forbidden, and yet it built")
  elseif(ARG_EXPECT_ERROR AND NOT said MATCHES "${ARG_EXPECT_ERROR}")
    message(FATAL_ERROR "${ARG_CASE}: expected '${ARG_EXPECT_ERROR}' in:\n${said}")
  endif()
endfunction()

attempt(CASE allowed)
attempt(CASE forbidden_link OPTIONS -DLAYER_TEST_BASE_USES=http EXPECT_ERROR "layer 'base' may not use 'http'")
attempt(CASE forbidden_link_by_hand OPTIONS -DLAYER_TEST_BASE_LINKS=wasabi_http
  EXPECT_ERROR "layer 'base' may not use 'http'")
attempt(CASE forbidden_include OPTIONS -DCMAKE_CXX_FLAGS=-DLAYER_TEST_LOOK_UP EXPECT_ERROR "http/high\\.h")
