# The layers of the product: which folder under src/ may use which. Configuring fails where a library asks for
# a layer it may not know, and compiling fails where a file includes a header of a layer its library does not
# use: every layer's headers are reachable only through an include folder of that layer's own.

set(WASABI_MAY_USE_base "")
set(WASABI_MAY_USE_policy base)
set(WASABI_MAY_USE_http base)
set(WASABI_MAY_USE_engine base)
set(WASABI_MAY_USE_catalog base)
set(WASABI_MAY_USE_oci base)
set(WASABI_MAY_USE_platform base catalog)
set(WASABI_MAY_USE_sandbox base)
set(WASABI_MAY_USE_deploy base catalog platform oci)
set(WASABI_MAY_USE_companion base policy catalog platform oci deploy)
set(WASABI_MAY_USE_api base policy http catalog platform oci deploy)
set(WASABI_MAY_USE_serve base policy http catalog platform oci deploy sandbox node api)
set(WASABI_MAY_USE_box base policy http engine catalog)
set(WASABI_MAY_USE_node base policy http catalog platform sandbox)
set(WASABI_MAY_USE_cli base policy http catalog oci)
set(WASABI_MAY_USE_queueproxy base policy http)

# wasabi_layer(NAME name USES layer... SOURCES file.cc... HEADERS file.h... [LINKS external...])
#   USES     layers of ours, each checked against the table above
#   LINKS    libraries from outside, kept private to the layer's .cc files
function(wasabi_layer)
  cmake_parse_arguments(ARG "" "NAME" "USES;SOURCES;HEADERS;LINKS" ${ARGN})
  if(NOT DEFINED WASABI_MAY_USE_${ARG_NAME})
    message(FATAL_ERROR "layer '${ARG_NAME}' is not in the table of cmake/WasabiLayers.cmake")
  endif()
  foreach(used IN LISTS ARG_USES)
    if(NOT used IN_LIST WASABI_MAY_USE_${ARG_NAME})
      message(FATAL_ERROR "layer '${ARG_NAME}' may not use '${used}' (it may use: ${WASABI_MAY_USE_${ARG_NAME}})")
    endif()
  endforeach()

  set(include_root "${CMAKE_BINARY_DIR}/include/${ARG_NAME}")
  file(MAKE_DIRECTORY "${include_root}")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}" "${include_root}/${ARG_NAME}" SYMBOLIC)

  add_library(wasabi_${ARG_NAME} STATIC ${ARG_SOURCES})
  # Every header compiles alone: one with a source of its own does so there, as its first line (scripts/tree-rules holds
  # that), the others in the target all_verify_interface_header_sets, which is part of `./dev test`.
  set(sourceless ${ARG_HEADERS})
  list(TRANSFORM ARG_SOURCES REPLACE "\\.cc$" ".h" OUTPUT_VARIABLE led)
  list(REMOVE_ITEM sourceless ${led})
  list(REMOVE_ITEM ARG_HEADERS ${sourceless})
  list(TRANSFORM ARG_HEADERS PREPEND "${include_root}/${ARG_NAME}/")
  list(TRANSFORM sourceless PREPEND "${include_root}/${ARG_NAME}/")
  target_sources(wasabi_${ARG_NAME} PUBLIC
    FILE_SET HEADERS BASE_DIRS "${include_root}" FILES ${ARG_HEADERS}
    FILE_SET sourceless TYPE HEADERS BASE_DIRS "${include_root}" FILES ${sourceless})
  set_target_properties(wasabi_${ARG_NAME} PROPERTIES
    VERIFY_INTERFACE_HEADER_SETS ON INTERFACE_HEADER_SETS_TO_VERIFY sourceless)
  foreach(used IN LISTS ARG_USES)
    target_link_libraries(wasabi_${ARG_NAME} PUBLIC wasabi_${used})
  endforeach()
  target_link_libraries(wasabi_${ARG_NAME} PRIVATE wasabi_compile_options ${ARG_LINKS})
  cmake_language(EVAL CODE "cmake_language(DEFER CALL _wasabi_check_links ${ARG_NAME})")
endfunction()

# At the end of the layer's folder: nothing but USES has given it another layer.
function(_wasabi_check_links name)
  get_target_property(linked wasabi_${name} LINK_LIBRARIES)
  list(TRANSFORM linked REPLACE "^wasabi_" "")
  foreach(layer IN LISTS linked)
    if(DEFINED WASABI_MAY_USE_${layer} AND NOT layer IN_LIST WASABI_MAY_USE_${name})
      message(FATAL_ERROR "layer '${name}' may not use '${layer}' (it may use: ${WASABI_MAY_USE_${name}})")
    endif()
  endforeach()
endfunction()
