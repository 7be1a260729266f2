// `wasabi serve`: its options, its first screen, its life.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "catalog/text_problem.h"
#include "serve/server.h"

namespace wasabi {

struct ServeOptions {
  serve::ServeConfig config;
  serve::ServeConfig defaults;
  std::string config_file;                     // absolute; empty: none
  serve::ServeConfig from_file;                // as it and the defaults have it
  std::vector<catalog::TextProblem> problems;  // of the file
};

void addServe(CLI::App& app, ServeOptions& options);
// The exit code.
int runServe(ServeOptions options);

}  // namespace wasabi
