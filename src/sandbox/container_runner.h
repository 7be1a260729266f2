// What runs the containers of functions: a container starts from an unpacked image in a network of its own, into which
// sockets lead that are made here.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "sandbox/backend.h"

namespace wasabi::sandbox {

struct ContainerSpec {
  std::string name;  // "container-7"; unique among those alive
  std::string root;  // absolute; an image's files, shared by containers and never changed by them
  std::vector<std::string> command;
  std::vector<std::string> environment;  // "NAME=value"; secrets may be among them
  std::string working_directory;         // empty: "/"
  std::uint32_t user = 0;                // as they are in the image
  std::uint32_t group = 0;
  std::vector<std::uint32_t> groups;
  Walls walls;  // its network is its own, whatever they say
};

// One that runs. Destroying it kills all that is inside; `ended` comes before the destructor returns, unless it has
// come already.
class Container {
 public:
  virtual ~Container() = default;
  virtual void askToEnd() = 0;  // SIGTERM
  virtual void kill() = 0;
  virtual pid_t pid() const = 0;
  // What it used up to now. From one thread; reads a few small files of the kernel, which blocks nobody.
  virtual GroupUse used() = 0;
  // Makes TCP sockets (IPv4), not connected, that are in its network: there 127.0.0.1 is the container. May be called
  // by any thread, blocks nobody, and outlives the container: then nobody is there.
  using MakeSocket = std::function<Result<FileDescriptor>()>;
  virtual MakeSocket sockets() const = 0;
  // Listens at 127.0.0.1 in its network, so that those inside can reach who is here. Blocks nobody.
  virtual Result<FileDescriptor> listenInside(std::uint16_t port) const = 0;
};

// Thread-safe. Outlives its containers.
class ContainerRunner {
 public:
  virtual ~ContainerRunner() = default;
  virtual std::string_view name() const = 0;
  // The user of the machine that is root inside; other users follow it. 0: inside they are as outside.
  virtual std::uint32_t firstUser() const = 0;
  // May take as long as starting a container does. An error names what is in the way.
  virtual Result<std::unique_ptr<Container>> start(const ContainerSpec& spec, SandboxEvents events) = 0;
};

}  // namespace wasabi::sandbox
