#include "load/plan.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <numeric>

namespace wasabi::bench {
namespace {

Result<std::string> http1Head(const Options& options, const std::string& path) {
  std::string head = options.method + " " + path + " HTTP/1.1\r\nHost: " + options.host + "\r\n";
  for (const std::string& line : options.headers) {
    const auto header = splitHeader(line);
    if (!header) return fail(header.error());
    head += header->first + ": " + header->second + "\r\n";
  }
  if (options.body_bytes > 0) head += "Content-Length: " + std::to_string(options.body_bytes) + "\r\n";
  return head + "\r\n";
}

Result<Request> makeRequest(const Options& options, const std::string& path, const std::string& expect_body) {
  if (!path.starts_with('/')) return fail(ErrorCode::kInvalid, "a path starts with '/', not like '" + path + "'");
  Result<std::string> head = http1Head(options, path);
  if (!head) return fail(std::move(head).error());
  return Request{path, *std::move(head), expect_body};
}

Result<std::vector<Request>> readRequests(const Options& options) {
  std::ifstream file(options.paths_file);
  if (!file) return fail(Error::fromErrno("--paths " + options.paths_file, errno));
  std::vector<Request> requests;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    const std::size_t tab = line.find('\t');
    const std::string expected = tab == std::string::npos ? options.expect_body : line.substr(tab + 1);
    Result<Request> request = makeRequest(options, line.substr(0, tab), expected);
    if (!request) return fail(std::move(request).error().within(options.paths_file));
    requests.push_back(*std::move(request));
  }
  if (requests.empty()) return fail(ErrorCode::kInvalid, "--paths " + options.paths_file + ": no path in it");
  return requests;
}

}  // namespace

Result<std::pair<std::string, std::string>> splitHeader(const std::string& line) {
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string::npos) {
    return fail(ErrorCode::kInvalid, "--header wants 'Name: value', not '" + line + "'");
  }
  const std::size_t value = line.find_first_not_of(' ', colon + 1);
  return std::pair(line.substr(0, colon), value == std::string::npos ? std::string() : line.substr(value));
}

Result<Plan> Plan::make(const Options& options) {
  if (!options.paths_file.empty()) {
    Result<std::vector<Request>> requests = readRequests(options);
    if (!requests) return fail(std::move(requests).error());
    return Plan(*std::move(requests), options.seed);
  }
  Result<Request> request = makeRequest(options, options.path, options.expect_body);
  if (!request) return fail(std::move(request).error());
  return Plan({*std::move(request)}, options.seed);
}

Result<std::vector<Plan>> Plan::makeEach(const Options& options) {
  std::vector<Plan> plans;
  for (const FlowOptions& flow : options.flows) {
    Options alone = options;
    alone.path = flow.path;
    Result<Plan> plan = make(alone);
    if (!plan) return fail(std::move(plan).error());
    plans.push_back(*std::move(plan));
  }
  if (!plans.empty()) return plans;
  Result<Plan> plan = make(options);
  if (!plan) return fail(std::move(plan).error());
  plans.push_back(*std::move(plan));
  return plans;
}

Plan::Plan(std::vector<Request> requests, std::uint64_t seed)
    : requests_(std::move(requests)), order_(requests_.size()), position_(order_.size()), random_(seed) {
  std::iota(order_.begin(), order_.end(), std::size_t{0});
}

const Request& Plan::next() {
  if (position_ == order_.size()) {
    std::shuffle(order_.begin(), order_.end(), random_);
    position_ = 0;
  }
  return requests_[order_[position_++]];
}

}  // namespace wasabi::bench
