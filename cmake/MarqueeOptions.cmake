# Flags, sanitizers and the libraries that are compiled once.
option(MARQUEE_WERROR "Warnings are errors" ON)
set(MARQUEE_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")
option(MARQUEE_FUZZ "Build the libFuzzer targets (clang)" OFF)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD AND NOT MARQUEE_FUZZ)
  add_link_options(-fuse-ld=mold)
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)
find_package(CLI11 REQUIRED)
# Not FindPostgreSQL: before CMake 3.31 it wants the server's headers, too.
find_path(LIBPQ_INCLUDE libpq-fe.h PATH_SUFFIXES postgresql REQUIRED)
add_library(marquee_libpq INTERFACE)
target_include_directories(marquee_libpq SYSTEM INTERFACE ${LIBPQ_INCLUDE})
target_link_libraries(marquee_libpq INTERFACE pq)

add_library(marquee_flags INTERFACE)
target_compile_options(marquee_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> -Wnon-virtual-dtor -Wold-style-cast -fno-omit-frame-pointer
  $<$<BOOL:${MARQUEE_WERROR}>:-Werror>)
# Asio fences; g++ says so of every unit, and TSan sees the data all the same.
if(MARQUEE_SANITIZE STREQUAL "thread")
  target_compile_options(marquee_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
endif()
# Sanitizers' own code makes g++ see uninitialized values in <regex> and the like
# where there are none; the presets without them still warn.
if(MARQUEE_SANITIZE)
  target_compile_options(marquee_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
# Line tables only: stack traces keep their lines, objects stay small.
target_compile_options(marquee_flags INTERFACE -g1)
if(MARQUEE_SANITIZE)
  add_compile_options(-fsanitize=${MARQUEE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MARQUEE_SANITIZE})
endif()
if(MARQUEE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_package(ZLIB REQUIRED)
find_path(BROTLI_INCLUDE brotli/encode.h REQUIRED)
find_path(ZSTD_INCLUDE zstd.h REQUIRED)
add_library(marquee_codings INTERFACE)
target_include_directories(marquee_codings SYSTEM INTERFACE ${BROTLI_INCLUDE} ${ZSTD_INCLUDE})
target_link_libraries(marquee_codings INTERFACE ZLIB::ZLIB brotlienc brotlidec zstd)

# Asio and Beast are compiled once each; every unit sees the SEPARATE macros.
add_library(marquee_asio STATIC cmake/asio.cpp)
target_compile_definitions(marquee_asio PUBLIC
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_BEAST_SEPARATE_COMPILATION)
target_link_libraries(marquee_asio PUBLIC OpenSSL::SSL OpenSSL::Crypto Threads::Threads Boost::boost)
add_library(marquee_beast STATIC cmake/beast.cpp)
target_link_libraries(marquee_beast PUBLIC marquee_asio Boost::json)
