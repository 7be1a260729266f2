// Which versions and which of what they are made of nobody can reach any more.
//
// A version is kept while one of these holds:
//   - it is among the newest `keep_newest` of its function,
//   - it has traffic, or a rollback may bring it back,
//   - it is younger than `keep_young`, or being built,
//   - something runs it: a lease.
// A module, image or directory of files is kept while a kept version or a lease names it, layers and roots while a kept
// image does, and everything while it is younger than `keep_young`: a deployment on its way may mean it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "platform/blobs.h"
#include "platform/platform_snapshot.h"

namespace wasabi::platform {

struct CollectionRules {
  std::uint32_t keep_newest = 10;
  Duration keep_young = std::chrono::hours(24);
};

// What runs or is being built now, deleted functions too.
struct Leases {
  std::set<VersionName> versions;
  std::set<Digest> blobs;       // modules, images, layers, directories of files
  bool images_come_in = false;  // layers and roots that are there already may be part of them: all stay
};

struct StoredBlobs {
  std::vector<StoredBlob> modules;
  std::vector<StoredBlob> compiled;  // by module, of any engine
  std::vector<StoredBlob> files;
  std::vector<StoredBlob> images;
  std::vector<StoredBlob> layers;
  std::vector<StoredBlob> roots;
  std::map<Digest, std::vector<Digest>> parts_of;  // by image: layers and its root
};

struct CollectionPlan {
  std::map<FunctionName, std::vector<std::uint32_t>> versions;
  std::vector<Digest> modules;
  std::vector<Digest> compiled;
  std::vector<Digest> files;
  std::vector<Digest> images;
  std::vector<Digest> layers;
  std::vector<Digest> roots;
  bool empty() const;
};

CollectionPlan planCollection(const std::vector<FunctionRecordPtr>& functions, const StoredBlobs& stored,
                              const Leases& leases, const CollectionRules& rules, std::int64_t now_ms);

}  // namespace wasabi::platform
