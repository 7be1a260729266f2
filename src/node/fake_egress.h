// Doors that lead nowhere, and remember who may pass.
#pragma once

#include <map>
#include <set>
#include <string>

#include "node/egress_doors.h"

namespace wasabi::node {

class FakeEgress final : public EgressDoors {
 public:
  void connectTo(policy::TargetId superpod, const std::string& socket, std::uint32_t) override {
    sockets[superpod] = socket;
  }
  void serveContainer(policy::TargetId container, FileDescriptor, const platform::VersionPtr& version) override {
    admitted[container].insert({version->name(), version->number});
  }
  void disconnect(policy::TargetId target) override {
    sockets.erase(target);
    admitted.erase(target);
  }
  void admit(policy::TargetId superpod, const platform::VersionPtr& version) override {
    admitted[superpod].insert({version->name(), version->number});
  }
  void dismiss(policy::TargetId superpod, const platform::VersionName& version) override {
    admitted[superpod].erase(version);
  }

  std::map<policy::TargetId, std::string> sockets;
  std::map<policy::TargetId, std::set<platform::VersionName>> admitted;
};

}  // namespace wasabi::node
