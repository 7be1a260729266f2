// Images without a registry, and a machine that runs them, for tests.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "deploy/container_host.h"
#include "deploy/image_store.h"
#include "oci/test_image.h"

namespace wasabi::deploy {

// A registry of one image for each tag, with one layer: "etc/name" with the tag in it. "alien" is for another
// processor.
inline Result<oci::Image> bringImage(const oci::Reference& reference, const std::optional<oci::Credentials>&,
                                     const oci::ImageLayout& into, const oci::TransferControl&) {
  if (reference.tag == "none") return fail(ErrorCode::kNotFound, "no such tag");
  const oci::Platform platform = reference.tag == "alien" ? oci::Platform{"linux", "z80", ""} : oci::hostPlatform();
  return oci::putImage(into, {oci::tarOf({oci::fileEntry("etc/name", reference.tag)})}, reference.tag, platform);
}

class FakeContainers final : public ContainerHost {
 public:
  Result<void> available() const override {
    return missing.empty() ? Result<void>() : fail(ErrorCode::kUnavailable, missing);
  }
  void bringUp(const platform::VersionName&, UniqueFunction<void(Result<void>)> done) override {
    if (!waits) return done({});
    const std::scoped_lock lock(mutex_);
    waiting_.push_back(std::move(done));
    came_.notify_one();
  }
  // Who is told whether the container became ready; waits for one.
  UniqueFunction<void(Result<void>)> next() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return !waiting_.empty(); });
    auto done = std::move(waiting_.back());
    waiting_.pop_back();
    return done;
  }

  std::string missing;
  bool waits = false;

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<UniqueFunction<void(Result<void>)>> waiting_;
};

}  // namespace wasabi::deploy
