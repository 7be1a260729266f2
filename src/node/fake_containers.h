// Containers that are nothing but what the test says of them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "http/event_loop.h"
#include "http/server.h"
#include "node/container_replica.h"

namespace wasabi::node {

class FakeContainers final : public sandbox::ContainerRunner {
 public:
  struct Manners {
    bool cannot_start = false;
    bool ends_at_once = false;
    bool becomes_ready = true;
    bool ignores_sigterm = false;
    std::string says;  // as soon as it runs
    double cores = 0;  // that it uses from its start on
    ByteSize memory;
    bool tells_its_last_use = true;  // when it ends
  };

  explicit FakeContainers(http::EventLoop& loop) : loop_(loop) {}

  // From the test's thread, which is the loop's.
  void setManners(const Manners& manners) {
    const std::scoped_lock lock(mutex_);
    manners_ = manners;
  }
  void crash(const std::string& container) {
    InsidePtr inside;
    {
      const std::scoped_lock lock(mutex_);
      if (const auto found = running_.find(container); found != running_.end()) inside = found->second;
    }
    if (inside) end(inside, {{}, 9});
  }
  std::size_t running() const {
    const std::scoped_lock lock(mutex_);
    return running_.size();
  }
  // Of all that have ended.
  Duration cpuOfEnded() const {
    const std::scoped_lock lock(mutex_);
    return cpu_of_ended_;
  }
  std::vector<sandbox::ContainerSpec> started() const {
    const std::scoped_lock lock(mutex_);
    return started_;
  }
  // As a container's own probe.
  AskUntilReady asking() {
    return [this](const std::string&, const catalog::ContainerSettings&, UniqueFunction<void()> ready) {
      auto asking = std::make_shared<UniqueFunction<void()>>(std::move(ready));
      const std::scoped_lock lock(mutex_);
      if (!manners_.becomes_ready) return std::shared_ptr<void>(std::move(asking));
      loop_.post([weak = std::weak_ptr<UniqueFunction<void()>>(asking)] {
        if (const auto still = weak.lock()) (*still)();
      });
      return std::shared_ptr<void>(std::move(asking));
    };
  }

  std::string_view name() const override { return "fake"; }
  std::uint32_t firstUser() const override { return 0; }
  Result<std::unique_ptr<sandbox::Container>> start(const sandbox::ContainerSpec& spec,
                                                    sandbox::SandboxEvents events) override {
    auto inside = std::make_shared<Inside>();
    inside->name = spec.name;
    inside->events = std::move(events);
    Manners manners;
    {
      const std::scoped_lock lock(mutex_);
      started_.push_back(spec);
      manners = manners_;
      inside->manners = manners;
      if (!manners.cannot_start) running_[spec.name] = inside;
    }
    if (manners.cannot_start) return fail(ErrorCode::kUnavailable, "no walls today");
    if (!manners.says.empty()) inside->events.line(manners.says);
    if (manners.ends_at_once) end(inside, {3, {}});
    return std::unique_ptr<sandbox::Container>(std::make_unique<Running>(*this, inside));
  }

 private:
  struct Inside {
    std::string name;
    sandbox::SandboxEvents events;
    Manners manners;
    TimePoint started = Clock::now();

    sandbox::GroupUse used() const {
      const auto cpu = std::chrono::duration_cast<Duration>((Clock::now() - started) * manners.cores);
      return {cpu, manners.memory, manners.memory};
    }
  };
  using InsidePtr = std::shared_ptr<Inside>;

  class Running final : public sandbox::Container {
   public:
    Running(FakeContainers& all, InsidePtr inside) : all_(all), inside_(std::move(inside)) {}
    ~Running() override { kill(); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    void askToEnd() override {
      if (!inside_->manners.ignores_sigterm) all_.end(inside_, {{}, 15});
    }
    void kill() override { all_.end(inside_, {{}, 9}); }
    pid_t pid() const override { return 4711; }
    sandbox::GroupUse used() override { return inside_->used(); }
    MakeSocket sockets() const override {
      return []() -> Result<FileDescriptor> { return fail(ErrorCode::kUnavailable, "none here"); };
    }
    Result<FileDescriptor> listenInside(std::uint16_t) const override {
      return http::openListener({"127.0.0.1:0", false});
    }

   private:
    FakeContainers& all_;
    InsidePtr inside_;
  };

  void end(const InsidePtr& inside, sandbox::Exit exit) {
    const sandbox::GroupUse used = inside->used();
    if (inside->manners.tells_its_last_use) exit.used = used;
    {
      const std::scoped_lock lock(mutex_);
      const auto found = running_.find(inside->name);
      if (found == running_.end() || found->second != inside) return;
      running_.erase(found);
      cpu_of_ended_ += *used.cpu;
    }
    inside->events.ended(exit);
  }

  http::EventLoop& loop_;
  mutable std::mutex mutex_;
  Manners manners_;
  std::map<std::string, InsidePtr> running_;
  std::vector<sandbox::ContainerSpec> started_;
  Duration cpu_of_ended_{};
};

}  // namespace wasabi::node
