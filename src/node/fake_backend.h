// A backend whose boxes are admin listeners on the test's loop, for tests: what they answer, and how they end, is up to
// the test.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "http/event_loop.h"
#include "node/fake_box.h"
#include "sandbox/backend.h"

namespace wasabi::node {

class FakeBackend final : public sandbox::Backend {
 public:
  // How a box behaves.
  struct Manners {
    bool ends_at_once = false;
    std::string load = R"({"ready":true})";
    std::string reload = R"({"problems":[]})";
    bool dies_at_reload = false;
    bool silent = false;    // takes questions, and answers none
    bool survives = false;  // kill() ends it only when it is destroyed
  };

  explicit FakeBackend(http::EventLoop& loop) : loop_(loop) {}

  // On the loop's thread; the second for those that are named, over the first.
  Manners manners;
  std::map<std::string, Manners> manners_of;
  std::function<void(const std::string& superpod)> on_reload;

  // How many starts fail from now on.
  void failStarts(std::uint32_t count) {
    const std::scoped_lock lock(mutex_);
    failures_ = count;
  }
  std::uint32_t started() const {
    const std::scoped_lock lock(mutex_);
    return started_;
  }
  // As when the box crashes.
  void crash(const std::string& superpod) {
    if (const auto found = running_.find(superpod); found != running_.end()) end(found->second, {{}, 11});
  }
  bool runs(const std::string& superpod) const { return running_.contains(superpod); }
  std::size_t running() const { return running_.size(); }

  std::string_view name() const override { return "fake"; }
  Result<std::unique_ptr<sandbox::Sandbox>> start(const sandbox::SuperpodSpec& spec,
                                                  sandbox::SandboxEvents events) override {
    {
      const std::scoped_lock lock(mutex_);
      ++started_;
      if (failures_ > 0) {
        --failures_;
        return fail(ErrorCode::kUnavailable, "no walls today");
      }
    }
    auto inside = std::make_shared<Inside>();
    inside->spec = spec;
    inside->events = std::move(events);
    loop_.post([this, inside] { open(inside); });
    return std::unique_ptr<sandbox::Sandbox>(std::make_unique<Running>(*this, inside));
  }

 private:
  struct Inside {
    sandbox::SuperpodSpec spec;
    std::mutex mutex;
    bool over = false;
    sandbox::SandboxEvents events;
    std::unique_ptr<FakeBox> admin;  // of the loop's thread
  };
  using InsidePtr = std::shared_ptr<Inside>;

  class Running final : public sandbox::Sandbox {
   public:
    Running(FakeBackend& backend, InsidePtr inside) : backend_(backend), inside_(std::move(inside)) {}
    ~Running() override { tellEnd(*inside_, {{}, 9}); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    void askToEnd() override { kill(); }
    void kill() override {
      backend_.loop_.post([&backend = backend_, inside = inside_] {
        if (!backend.mannersOf(*inside).survives) backend.end(inside, {{}, 9});
      });
    }
    pid_t pid() const override { return 4711; }

   private:
    FakeBackend& backend_;
    InsidePtr inside_;
  };

  static void tellEnd(Inside& inside, const sandbox::Exit& exit) {
    {
      const std::scoped_lock lock(inside.mutex);
      if (std::exchange(inside.over, true)) return;
    }
    inside.events.ended(exit);
  }
  const Manners& mannersOf(const Inside& inside) const {
    const auto own = manners_of.find(inside.spec.name);
    return own == manners_of.end() ? manners : own->second;
  }
  void open(const InsidePtr& inside) {
    const bool removed = !std::filesystem::exists(inside->spec.paths.runtime);
    if (removed || mannersOf(*inside).ends_at_once) return tellEnd(*inside, {1, {}});
    inside->admin = std::make_unique<FakeBox>(loop_, inside->spec.paths.runtime + "/admin.sock");
    inside->admin->on_request = [this, here = std::weak_ptr<Inside>(inside)](FakeBox::Seen& question) {
      if (const InsidePtr box = here.lock()) answerQuestion(box, question);
    };
    running_[inside->spec.name] = inside;
  }
  void answerQuestion(const InsidePtr& inside, FakeBox::Seen& question) {
    const Manners told = mannersOf(*inside);
    if (told.silent) return;
    if (question.stream->request().target == "/-/load") return answer(*question.stream, 200, told.load);
    if (on_reload) on_reload(inside->spec.name);
    if (told.dies_at_reload) return loop_.post([this, inside] { end(inside, {{}, 11}); });
    answer(*question.stream, 200, told.reload);
  }
  void end(InsidePtr inside, const sandbox::Exit& exit) {
    running_.erase(inside->spec.name);
    if (inside->admin) inside->admin->die();
    tellEnd(*inside, exit);
  }

  http::EventLoop& loop_;
  mutable std::mutex mutex_;
  std::uint32_t failures_ = 0;
  std::uint32_t started_ = 0;
  std::map<std::string, InsidePtr> running_;  // of the loop's thread
};

}  // namespace wasabi::node
