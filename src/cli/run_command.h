// `wasabi run app.wasm`: one bare module at `/`, served by a box of its own on a catalog made for the occasion.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"

namespace wasabi::cli {

struct RunOptions {
  std::string module_file;
  std::string box_program;  // path of wasabi-box
  std::string listen = "127.0.0.1:8080";
  std::string admin;  // as for wasabi-box; empty for its default
  std::map<std::string, std::string> environment;
  std::string files_directory;  // empty for none
  std::string memory;           // as in a manifest; empty for the default
  std::string cpu;
  std::string timeout;
  std::string command_http;  // "plain" or "cgi"
  std::vector<std::string> outbound;
  std::vector<std::string> arguments;
  unsigned reuse = 0;
  bool allow_private_networks = false;
  std::string store_directory;  // compiled modules are kept here between runs
};

// The manifest of the function, in the format of docs/manifest.md.
std::string manifestFor(const RunOptions& options);

// What a manifest with these settings would be refused for.
Result<void> checkSettings(const RunOptions& options);

// Serves until SIGINT or SIGTERM; returns the exit code of the box.
Result<int> run(const RunOptions& options);

// $XDG_CACHE_HOME/wasabi-run, or ~/.cache/wasabi-run.
std::string defaultRunStore();

}  // namespace wasabi::cli
