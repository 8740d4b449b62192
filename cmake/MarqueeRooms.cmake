# marquee_room(NAME [ROOMS below...] [LIBS ...]): one static library per folder
# of src/. Every .cpp below the folder belongs to it.
function(marquee_sources OUT FOLDER)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/${FOLDER}/*.cpp)
  set(${OUT} ${found} PARENT_SCOPE)
endfunction()

function(marquee_room NAME)
  cmake_parse_arguments(ARG "" "" "ROOMS;LIBS;GENERATED" ${ARGN})
  marquee_sources(sources ${NAME})
  list(APPEND sources ${ARG_GENERATED})
  list(TRANSFORM ARG_ROOMS PREPEND marquee_)
  if(sources)
    add_library(marquee_${NAME} STATIC ${sources})
    set(kind PUBLIC)
    target_link_libraries(marquee_${NAME} PRIVATE marquee_flags)
  else()
    add_library(marquee_${NAME} INTERFACE)
    set(kind INTERFACE)
  endif()
  target_include_directories(marquee_${NAME} ${kind} ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_link_libraries(marquee_${NAME} ${kind} ${ARG_ROOMS} ${ARG_LIBS})
endfunction()

function(marquee_binary NAME)
  cmake_parse_arguments(ARG "" "FOLDER" "ROOMS;LIBS" ${ARGN})
  marquee_sources(sources ${ARG_FOLDER})
  if(NOT sources)
    return()
  endif()
  add_executable(${NAME} ${sources})
  list(TRANSFORM ARG_ROOMS PREPEND marquee_)
  target_include_directories(${NAME} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_link_libraries(${NAME} PRIVATE ${ARG_ROOMS} ${ARG_LIBS} marquee_flags)
  target_compile_definitions(${NAME} PRIVATE MARQUEE_VERSION="${PROJECT_VERSION}")
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()

# marquee_embed(ROOM FOLDER SUFFIX OUT): every FOLDER/*.SUFFIX as text in one
# generated unit, which defines marquee::ROOM::embedded_files() of
# "ROOM/embedded.hpp". OUT is set to its path.
function(marquee_embed ROOM FOLDER SUFFIX OUT)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/*.${SUFFIX})
  set(rows "")
  foreach(file ${files})
    get_filename_component(name ${file} NAME)
    file(READ ${file} text)
    string(APPEND rows "    {\"${name}\", R\"embedded(${text})embedded\"},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
  set(unit ${CMAKE_CURRENT_BINARY_DIR}/generated/${ROOM}_embedded.cpp)
  file(CONFIGURE OUTPUT ${unit} @ONLY CONTENT "// Generated from ${FOLDER}.
#include \"${ROOM}/embedded.hpp\"

namespace marquee::${ROOM} {

std::span<const EmbeddedFile> embedded_files() {
  static constexpr EmbeddedFile files[] = {
${rows}  };
  return files;
}

}  // namespace marquee::${ROOM}
")
  set(${OUT} ${unit} PARENT_SCOPE)
endfunction()
