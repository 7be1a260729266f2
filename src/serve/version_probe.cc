#include "serve/version_probe.h"

#include <fmt/format.h>

#include <utility>

namespace wasabi::serve {

class VersionProbe::Attempt final : public http::ClientObserver {
 public:
  Attempt(VersionProbe& probe, const http::ClientRequest& request, catalog::Check check,
          UniqueFunction<void(Result<void>)> done)
      : probe_(probe), check_(std::move(check)), done_(std::move(done)), patience_(probe.loop_) {
    exchange_ = probe.client_.start(request, *this);
    patience_.arm(probe.loop_.now() + check_.timeout, [this] {
      end(fail(ErrorCode::kTimeout,
               fmt::format("no answer to GET {} within {}", check_.path, toString(check_.timeout))));
    });
  }

  // The last thing it does.
  void end(Result<void> result) {
    auto done = std::move(done_);
    probe_.forget(this);
    done(std::move(result));
  }

 private:
  void onHead(const http::ResponseHead& head) override {
    const bool right = check_.status ? head.status == *check_.status : head.status / 100 == 2;
    if (right) return end({});
    const std::string wanted = check_.status ? fmt::format("{}", *check_.status) : "2xx";
    end(fail(ErrorCode::kInvalid,
             fmt::format("GET {} was answered {} in place of {}", check_.path, head.status, wanted)));
  }
  void onBody(std::span<const std::byte>) override {}
  void onWritable() override {}
  void onEnd(const http::Fields&) override {}
  void onFailure(http::ClientFailure, http::RequestProgress, const std::string& message) override {
    end(fail(ErrorCode::kUnavailable, message));
  }

  VersionProbe& probe_;
  const catalog::Check check_;
  UniqueFunction<void(Result<void>)> done_;
  http::Timer patience_;
  std::unique_ptr<http::ClientExchange> exchange_;
};

VersionProbe::VersionProbe(http::EventLoop& loop, std::string inside)
    : loop_(loop), inside_(std::move(inside)), client_(loop, {}, http::unixConnector(loop)) {}
VersionProbe::~VersionProbe() = default;

void VersionProbe::check(const platform::VersionName& version, const catalog::Check& check,
                         UniqueFunction<void(Result<void>)> done) {
  loop_.post([this, version, check, done = std::move(done)]() mutable {
    http::ClientRequest request;
    request.method = "GET";
    request.target = check.path;
    request.authority = "check.internal";
    request.endpoint.name = inside_;
    request.headers.add("wasabi-version", version.toString());
    request.headers.add("user-agent", "wasabi-check");
    request.first_byte_timeout = check.timeout;
    open_.push_back(std::make_unique<Attempt>(*this, request, check, std::move(done)));
  });
}

// It is on the stack still: its memory goes when the loop comes round.
void VersionProbe::forget(Attempt* attempt) {
  for (auto& one : open_) {
    if (one.get() != attempt) continue;
    loop_.defer([gone = std::shared_ptr<Attempt>(std::move(one))] {});
    std::swap(one, open_.back());
    open_.pop_back();
    return;
  }
}

void VersionProbe::stop() {
  while (!open_.empty()) open_.back()->end(fail(ErrorCode::kUnavailable, "the server stops"));
}

}  // namespace wasabi::serve
