#include "sandbox/root_file_system.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "sandbox/command_run.h"

namespace wasabi::sandbox {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr Duration kPatience = 30s;
constexpr const char* kLdd = "/usr/bin/ldd";

Result<void> copyFile(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::create_directories(fs::path(to).parent_path(), error);
  if (!error) fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);  // what a link leads to
  if (error) return fail(Error::fromErrno("copy " + from + " to " + to, error.value()));
  return {};
}

Result<void> makeEmptyFile(const std::string& path) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error || !std::ofstream(path)) return fail(ErrorCode::kIo, "cannot make " + path);
  return {};
}

}  // namespace

Result<std::vector<std::string>> librariesOf(std::string_view ldd_output) {
  std::vector<std::string> libraries;
  while (!ldd_output.empty()) {
    const std::string_view line = ldd_output.substr(0, ldd_output.find('\n'));
    ldd_output.remove_prefix(std::min(line.size() + 1, ldd_output.size()));
    if (line.find("=> not found") != std::string_view::npos) {
      return fail(ErrorCode::kNotFound, "a library is missing: " + std::string(line));
    }
    // "name => /path (address)", "/path (address)"; what the kernel brings has no path.
    const std::size_t begin = line.find(" => /") != std::string_view::npos ? line.find(" => /") + 4 : line.find('/');
    const std::size_t end = line.rfind(" (0x");
    if (begin == std::string_view::npos || end == std::string_view::npos || end <= begin) continue;
    libraries.emplace_back(line.substr(begin, end - begin));
  }
  return libraries;
}

Result<void> makeRootFileSystem(ProcessBackend& processes, const std::string& directory, const std::string& program) {
  auto told = runToEnd(processes, {{kLdd, program}}, kPatience);
  if (!told) return fail(std::move(told.error()));
  auto libraries = librariesOf(*told);
  if (!libraries) return fail(std::move(libraries.error()).within(program));

  std::error_code error;
  fs::remove_all(directory, error);
  if (error) return fail(Error::fromErrno("remove " + directory, error.value()));
  if (auto copied = copyFile(program, directory + std::string(kProgramInside)); !copied) return copied;
  for (const std::string& library : *libraries) {
    if (auto copied = copyFile(library, directory + library); !copied) return copied;
  }
  for (const std::string_view folder :
       {kSuperpodInside, kRuntimeInside, std::string_view("/proc"), std::string_view("/dev")}) {
    fs::create_directories(directory + std::string(folder), error);
    if (error) return fail(Error::fromErrno("make " + directory + std::string(folder), error.value()));
  }
  if (auto made = makeEmptyFile(directory + std::string(kVerifyKeyInside)); !made) return made;
  for (const std::string_view file : kResolverFiles) {
    if (auto made = makeEmptyFile(directory + std::string(file)); !made) return made;
  }
  return {};
}

}  // namespace wasabi::sandbox
