#include "serve/container_services.h"

#include <utility>

namespace wasabi::serve {
namespace {

node::ContainerImage asNodeWantsIt(deploy::PreparedImage prepared) {
  node::ContainerImage image;
  image.root = std::move(prepared.root);
  image.entry_point = std::move(prepared.entry_point);
  image.arguments = std::move(prepared.arguments);
  image.environment = std::move(prepared.environment);
  image.working_directory = std::move(prepared.working_directory);
  image.user = prepared.user.uid;
  image.group = prepared.user.gid;
  image.groups.assign(prepared.user.groups.begin(), prepared.user.groups.end());
  return image;
}

}  // namespace

node::FindImage findImagesIn(const deploy::ImageStore& images, WorkThread& work) {
  return
      [&images, &work](const platform::VersionPtr& version, UniqueFunction<void(Result<node::ContainerImage>)> done) {
        work.post([&images, version, done = std::move(done)]() mutable {
          auto prepared = images.prepare(version->image, *version->container, {}, {});
          if (!prepared) return done(fail(std::move(prepared).error()));
          done(asNodeWantsIt(*std::move(prepared)));
        });
      };
}

Result<void> FleetAsHost::available() const {
  if (!missing_) return {};
  return fail(ErrorCode::kInvalid, "this server runs no containers: " + *missing_);
}

}  // namespace wasabi::serve
