// wasabi knative, wasabi kubernetes: manifests of superpods on standard output.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/superpod_manifests.h"
#include "policy/superpod_sizing.h"

namespace wasabi {

class SuperpodCommand {
 public:
  explicit SuperpodCommand(CLI::App& app);
  bool given() const { return *knative_ || *kubernetes_; }
  int run();

 private:
  void addPod(CLI::App& command);
  void addScaling(CLI::App& command);

  CLI::App* knative_;
  CLI::App* kubernetes_;
  cli::SuperpodPlan plan_;
  policy::SuperpodWishes wishes_;
  std::string catalog_;
  std::vector<std::string> secrets_;
};

}  // namespace wasabi
