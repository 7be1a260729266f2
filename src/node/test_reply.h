// What a client got, for tests.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "http/client.h"

namespace wasabi::node {

struct Reply : http::ClientObserver {
  void onHead(const http::ResponseHead& response) override { head = response; }
  void onBody(std::span<const std::byte> chunk) override {
    body.append(reinterpret_cast<const char*>(chunk.data()), chunk.size());
  }
  void onWritable() override {}
  void onEnd(const http::Fields&) override { done = true; }
  void onUpgrade(const http::ResponseHead& response) override { head = response; }
  void onFailure(http::ClientFailure, http::RequestProgress, const std::string& message) override {
    failure = message;
    done = true;
  }
  http::ResponseHead head;
  std::string body;
  std::string failure;
  bool done = false;
  std::unique_ptr<http::ClientExchange> exchange;
};

}  // namespace wasabi::node
