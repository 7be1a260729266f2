// `wasabi serve`: its options, its first screen, its life.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "serve/server.h"

namespace wasabi {

struct ServeOptions {
  serve::ServeConfig config;
  std::vector<std::string> certificates;  // "certificate.pem,key.pem"
  bool allow_private_networks = false;
};

void addServe(CLI::App& app, ServeOptions& options);
// The exit code.
int runServe(ServeOptions options);

}  // namespace wasabi
