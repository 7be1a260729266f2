#include "platform/simulated_disk.h"

#include <algorithm>
#include <random>

namespace wasabi::platform {

struct SimulatedDisk::Node {
  bool is_folder = false;
  std::string content;
  bool content_synced = false;
  Entries entries;
  Entries synced_entries;
};

class SimulatedDisk::Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}
  bool flip() { return (engine_() & 1) != 0; }
  std::size_t upTo(std::size_t most) { return engine_() % (most + 1); }

 private:
  std::mt19937_64 engine_;
};

SimulatedDisk::SimulatedDisk() : root_(std::make_shared<Node>()) {
  root_->is_folder = true;
}
SimulatedDisk::~SimulatedDisk() = default;

void SimulatedDisk::failAt(std::uint64_t change, Error error) {
  fail_at_ = change;
  failure_ = std::move(error);
}

void SimulatedDisk::stopAt(std::uint64_t change, std::uint64_t seed) {
  stop_at_ = change;
  stop_seed_ = seed;
}

void SimulatedDisk::restartProcess() {
  stopped_ = false;
  stop_at_ = kNever;
  fail_at_ = kNever;
  changes_ = 0;
}

void SimulatedDisk::losePower(std::uint64_t seed) {
  Chance chance(seed);
  forgetUnsynced(root_, chance);
  restartProcess();
}

void SimulatedDisk::forgetUnsynced(const NodePtr& node, Chance& chance) {
  if (!node->is_folder) {
    if (!node->content_synced) node->content.resize(chance.upTo(node->content.size()));
    node->content_synced = true;
    return;
  }
  Entries left;
  Entries both = node->entries;
  both.insert(node->synced_entries.begin(), node->synced_entries.end());
  for (const auto& [name, ignored] : both) {
    const Entries& from = chance.flip() ? node->entries : node->synced_entries;
    if (const auto at = from.find(name); at != from.end()) left.emplace(name, at->second);
  }
  node->entries = left;
  node->synced_entries = left;
  for (const auto& [name, inner] : left) forgetUnsynced(inner, chance);
}

SimulatedDisk::NodePtr SimulatedDisk::find(const std::string& path) const {
  NodePtr node = root_;
  if (path == ".") return node;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    begin = end + 1;
    if (name == ".") continue;
    const auto at = node->entries.find(name);
    if (!node->is_folder || at == node->entries.end()) return nullptr;
    node = at->second;
  }
  return node;
}

Result<SimulatedDisk::Place> SimulatedDisk::placeOf(const std::string& path) const {
  const std::string folder = folderOf(path);
  NodePtr node = find(folder);
  if (!node || !node->is_folder) return fail(ErrorCode::kNotFound, folder + ": no such folder");
  return Place{std::move(node), path.substr(path.rfind('/') + 1)};
}

Result<SimulatedDisk::Course> SimulatedDisk::begin() {
  if (stopped_) return fail(ErrorCode::kUnavailable, "the process is dead");
  const std::uint64_t number = changes_++;
  if (number == fail_at_) return fail(*failure_);
  if (number != stop_at_) return Course::kWhole;
  stopped_ = true;
  Chance chance(stop_seed_);
  if (chance.flip()) return fail(ErrorCode::kUnavailable, "the process died before");
  return chance.flip() ? Course::kHalf : Course::kWhole;
}

Result<std::string> SimulatedDisk::read(const std::string& path, std::size_t most) {
  const NodePtr node = find(path);
  if (!node || node->is_folder) return fail(ErrorCode::kNotFound, path + ": no such file");
  if (node->content.size() > most) return fail(ErrorCode::kInvalid, path + " is too long");
  return node->content;
}

Result<std::vector<DiskEntry>> SimulatedDisk::list(const std::string& path) {
  const NodePtr node = find(path);
  if (!node || !node->is_folder) return fail(ErrorCode::kNotFound, path + ": no such folder");
  std::vector<DiskEntry> found;
  for (const auto& [name, inner] : node->entries) found.push_back({name, inner->is_folder});
  return found;
}

Result<void> SimulatedDisk::write(const std::string& path, std::string_view content, unsigned /*mode*/) {
  auto course = begin();
  if (!course) return fail(std::move(course).error());
  auto place = placeOf(path);
  if (!place) return fail(std::move(place).error());
  if (place->folder->entries.contains(place->name)) return fail(ErrorCode::kConflict, path + " is there");
  auto node = std::make_shared<Node>();
  node->content = content.substr(0, *course == Course::kHalf ? content.size() / 2 : content.size());
  place->folder->entries.emplace(place->name, std::move(node));
  return {};
}

Result<void> SimulatedDisk::syncFile(const std::string& path) {
  if (auto course = begin(); !course) return fail(std::move(course).error());
  const NodePtr node = find(path);
  if (!node || node->is_folder) return fail(ErrorCode::kNotFound, path + ": no such file");
  node->content_synced = true;
  return {};
}

Result<void> SimulatedDisk::syncFolder(const std::string& path) {
  if (auto course = begin(); !course) return fail(std::move(course).error());
  const NodePtr node = find(path);
  if (!node || !node->is_folder) return fail(ErrorCode::kNotFound, path + ": no such folder");
  node->synced_entries = node->entries;
  return {};
}

Result<void> SimulatedDisk::rename(const std::string& from, const std::string& to) {
  if (auto course = begin(); !course) return fail(std::move(course).error());
  auto source = placeOf(from);
  if (!source) return fail(std::move(source).error());
  auto target = placeOf(to);
  if (!target) return fail(std::move(target).error());
  const auto at = source->folder->entries.find(source->name);
  if (at == source->folder->entries.end()) return fail(ErrorCode::kNotFound, from + ": no such file");
  NodePtr node = at->second;
  const auto old = target->folder->entries.find(target->name);
  if (old != target->folder->entries.end() && old->second->is_folder && !old->second->entries.empty()) {
    return fail(ErrorCode::kConflict, to + " is not empty");
  }
  source->folder->entries.erase(source->name);
  target->folder->entries[target->name] = std::move(node);
  return {};
}

Result<void> SimulatedDisk::remove(const std::string& path) {
  if (auto course = begin(); !course) return fail(std::move(course).error());
  auto place = placeOf(path);
  if (!place) return fail(std::move(place).error());
  const auto at = place->folder->entries.find(place->name);
  if (at == place->folder->entries.end()) return fail(ErrorCode::kNotFound, path + ": no such file");
  if (at->second->is_folder) return fail(ErrorCode::kIo, path + " is a folder");
  place->folder->entries.erase(at);
  return {};
}

Result<void> SimulatedDisk::makeFolder(const std::string& path, unsigned /*mode*/) {
  if (auto course = begin(); !course) return fail(std::move(course).error());
  auto place = placeOf(path);
  if (!place) return fail(std::move(place).error());
  auto node = std::make_shared<Node>();
  node->is_folder = true;
  if (!place->folder->entries.emplace(place->name, std::move(node)).second) {
    return fail(ErrorCode::kConflict, path + " is there");
  }
  return {};
}

Result<void> SimulatedDisk::removeFolder(const std::string& path) {
  if (auto course = begin(); !course) return fail(std::move(course).error());
  auto place = placeOf(path);
  if (!place) return fail(std::move(place).error());
  const auto at = place->folder->entries.find(place->name);
  if (at == place->folder->entries.end()) return fail(ErrorCode::kNotFound, path + ": no such folder");
  if (!at->second->is_folder || !at->second->entries.empty())
    return fail(ErrorCode::kIo, path + " is not an empty folder");
  place->folder->entries.erase(at);
  return {};
}

}  // namespace wasabi::platform
