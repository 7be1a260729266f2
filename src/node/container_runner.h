// What runs containers, as the control loop wants it.
#pragma once
// (placeholder seam; replaced by sandbox/container.h)
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/file_descriptor.h"
#include "sandbox/backend.h"

namespace wasabi::node {

struct ContainerSpec {
  std::string name;
  std::string root;
  std::vector<std::string> command;
  std::vector<std::string> environment;
  std::string working_directory;
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::vector<std::uint32_t> groups;
  sandbox::Walls walls;
};

class Container {
 public:
  virtual ~Container() = default;
  virtual void askToEnd() = 0;
  virtual void kill() = 0;
  virtual pid_t pid() const = 0;
  // Thread-safe
  virtual Result<FileDescriptor> socket() = 0;
};

class ContainerRunner {
 public:
  virtual ~ContainerRunner() = default;
  virtual Result<std::unique_ptr<Container>> start(const ContainerSpec& spec, sandbox::SandboxEvents events) = 0;
};

}  // namespace wasabi::node
