// The running program's own file.
#pragma once

#include <string>
#include <string_view>

namespace wasabi {

// The path of a program that lies beside this one; only its name where that cannot be told.
std::string besideThisProgram(std::string_view name);

}  // namespace wasabi
