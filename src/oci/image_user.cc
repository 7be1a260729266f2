#include "oci/image_user.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/text.h"
#include "oci/beneath.h"

namespace wasabi::oci {
namespace {

// (uid_t)-1 means "none" to the kernel.
constexpr std::uint32_t kNoId = 0xffffffff;

std::optional<std::uint32_t> parseId(std::string_view text) {
  const auto id = parseDecimal<std::uint32_t>(text);
  return id == kNoId ? std::nullopt : id;
}

std::string_view takeUntil(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view found = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return found;
}

// A line of passwd or group: "name:password:id:rest".
struct Line {
  std::string_view name;
  std::optional<std::uint32_t> id;
  std::string_view rest;
};

template <typename Visit>  // bool(const Line&): false ends it
void forEachLine(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    std::string_view rest = takeUntil(text, '\n');
    Line line;
    line.name = takeUntil(rest, ':');
    takeUntil(rest, ':');
    line.id = parseId(takeUntil(rest, ':'));
    line.rest = rest;
    if (!line.name.empty() && line.id && !visit(line)) return;
  }
}

std::optional<Line> findLine(std::string_view text, std::string_view name, std::optional<std::uint32_t> id) {
  std::optional<Line> found;
  forEachLine(text, [&](const Line& line) {
    if (id ? line.id == id : line.name == name) found = line;
    return !found;
  });
  return found;
}

bool isMember(std::string_view members, std::string_view name) {
  while (!members.empty()) {
    if (takeUntil(members, ',') == name) return true;
  }
  return false;
}

// An image without the file is an image without names.
Result<std::string> readOrEmpty(int root_fd, const char* path) {
  auto content = readFileBeneath(root_fd, path, kMaxUserFileBytes, Resolve::kInRoot);
  if (!content && content.error().code() == ErrorCode::kNotFound) return std::string();
  return content;
}

void addGroups(std::string_view group_file, std::string_view user_name, ImageUser& user) {
  forEachLine(group_file, [&](const Line& line) {
    if (*line.id != user.gid && isMember(line.rest, user_name)) user.groups.push_back(*line.id);
    return user.groups.size() < kMaxUserGroups;
  });
}

}  // namespace

Result<ImageUser> resolveImageUser(int root_fd, std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view user_part = text.substr(0, colon);
  const std::string_view group_part = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  auto passwd = readOrEmpty(root_fd, "etc/passwd");
  if (!passwd) return fail(std::move(passwd).error());
  auto group_file = readOrEmpty(root_fd, "etc/group");
  if (!group_file) return fail(std::move(group_file).error());

  ImageUser user;
  const std::optional<std::uint32_t> uid = user_part.empty() ? std::optional(0U) : parseId(user_part);
  const std::optional<Line> line = findLine(*passwd, user_part, uid);
  if (!uid && !line) {
    return fail(ErrorCode::kInvalid, fmt::format("the image's user '{}' is not in its /etc/passwd", user_part));
  }
  user.uid = uid ? *uid : *line->id;
  if (line) {
    std::string_view rest = line->rest;
    user.gid = parseId(takeUntil(rest, ':')).value_or(0);
  }
  if (group_part.empty()) {
    if (line) addGroups(*group_file, line->name, user);
    return user;
  }
  const auto gid = parseId(group_part);
  const std::optional<Line> group = findLine(*group_file, group_part, gid);
  if (!gid && !group) {
    return fail(ErrorCode::kInvalid, fmt::format("the image's group '{}' is not in its /etc/group", group_part));
  }
  user.gid = gid ? *gid : *group->id;
  return user;
}

}  // namespace wasabi::oci
