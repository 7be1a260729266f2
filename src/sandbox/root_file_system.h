// The files that a superpod's programs need, and nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "sandbox/process_backend.h"

namespace wasabi::sandbox {

// Where things are in it.
inline constexpr std::string_view kSuperpodInside = "/superpod";
inline constexpr std::string_view kRuntimeInside = "/run/wasabi";
inline constexpr std::string_view kVerifyKeyInside = "/etc/wasabi/verify.pub";
inline constexpr std::string_view kProgramInside = "/bin/program";
// Of the machine, for the resolution of names; left out where they do not exist.
inline constexpr std::string_view kResolverFiles[] = {"/etc/resolv.conf", "/etc/hosts",    "/etc/nsswitch.conf",
                                                      "/etc/host.conf",   "/etc/gai.conf", "/etc/services"};

// Fills `directory` anew: the program, the shared libraries it needs (as `ldd` tells), and empty files and folders for
// what is mounted there. Blocks on the disk.
Result<void> makeRootFileSystem(ProcessBackend& processes, const std::string& directory, const std::string& program);

// The files among what `ldd` writes. kNotFound: a library that it could not find.
Result<std::vector<std::string>> librariesOf(std::string_view ldd_output);

}  // namespace wasabi::sandbox
