#include "deploy/image_upload.h"

namespace wasabi::deploy {
namespace {

// Each path in the text that lies there becomes "the archive".
void hidePaths(std::string& text, const std::string& beginning) {
  constexpr std::string_view kInstead = "the archive";
  for (std::size_t at = 0; (at = text.find(beginning, at)) != std::string::npos; at += kInstead.size()) {
    const std::size_t end = text.find_first_of(": ", at + beginning.size());
    text.replace(at, end == std::string::npos ? end : end - at, kInstead);
  }
}

// What is damaged or missing came so: nothing of ours is.
bool isOfTheArchive(ErrorCode code) {
  return code == ErrorCode::kCorrupt || code == ErrorCode::kNotFound;
}

}  // namespace

Result<StoredImage> ImageUpload::finish(std::stop_token stop) {
  if (archive_.empty()) return fail(ErrorCode::kInvalid, "the archive is empty");
  auto stored = images_->import(archive_.path(), std::move(stop));
  if (stored) return stored;
  // Who sent it has no business with where things lie here.
  std::string message = stored.error().message();
  hidePaths(message, archive_.path());
  hidePaths(message, images_->layersPath());
  const ErrorCode code = stored.error().code();
  return fail(isOfTheArchive(code) ? ErrorCode::kInvalid : code, std::move(message));
}

}  // namespace wasabi::deploy
