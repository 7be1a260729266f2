#include "base/this_program.h"

#include <filesystem>
#include <system_error>

namespace wasabi {

std::string besideThisProgram(std::string_view name) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string(name) : (self.parent_path() / name).string();
}

}  // namespace wasabi
