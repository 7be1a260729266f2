// Sockets that lead into containers: each is made in the network namespace of the container that is named.
//
// Thread-safe: containers come and go on the control loop, gateway workers ask.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "http/client_transport.h"

namespace wasabi::node {

class ContainerSockets {
 public:
  // A fresh TCP socket (IPv4), not connected; soon, and on any thread.
  using MakeSocket = std::function<Result<FileDescriptor>()>;

  void add(const std::string& container, MakeSocket make) {
    const std::scoped_lock lock(mutex_);
    containers_[container] = std::move(make);
  }
  void remove(const std::string& container) {
    const std::scoped_lock lock(mutex_);
    containers_.erase(container);
  }
  Result<FileDescriptor> make(const std::string& container) const {
    MakeSocket make;
    {
      const std::scoped_lock lock(mutex_);
      const auto found = containers_.find(container);
      if (found == containers_.end()) return fail(ErrorCode::kNotFound, container + " is gone");
      make = found->second;
    }
    return make();
  }
  // For one client's connector; this outlives it.
  http::SocketFactory factory() const {
    return [this](const std::string& container, UniqueFunction<void(Result<FileDescriptor>)> done) {
      done(make(container));
    };
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, MakeSocket> containers_;
};

}  // namespace wasabi::node
