#include "cli/why_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/file_descriptor.h"
#include "catalog/test_directory.h"
#include "cli/admin_client.h"

namespace wasabi::cli {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class WhyCommandTest : public testing::Test {
 protected:
  WhyCommandTest() {
    fs::create_directory(root_.path("wasabi"));
    places_.runtime_directory = root_.path();
    places_.user = ::geteuid();
  }

  std::string at(const std::string& name) const { return "unix:" + root_.path("wasabi/" + name); }
  FileDescriptor listenAt(const std::string& name) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = root_.path("wasabi/" + name);
    std::memcpy(address.sun_path, path.data(), path.size());
    FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const void* const place = &address;
    EXPECT_EQ(::bind(listener.get(), static_cast<const sockaddr*>(place), sizeof address), 0);
    EXPECT_EQ(::listen(listener.get(), 8), 0);
    return listener;
  }
  // What `ask` gives if the box answers like that.
  template <typename Ask>
  Result<std::string> answered(const FileDescriptor& box, const std::string& answer, Ask ask) {
    question_.clear();
    const std::jthread thread([this, &box, &answer] {
      const FileDescriptor connection(::accept(box.get(), nullptr, nullptr));
      std::array<char, 4096> chunk;
      while (connection.valid() && question_.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = ::recv(connection.get(), chunk.data(), chunk.size(), 0);
        if (got <= 0) return;
        question_.append(chunk.data(), static_cast<std::size_t>(got));
      }
      if (connection.valid()) ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    });
    return ask();
  }

  const catalog::TestDirectory root_;
  AdminPlaces places_;
  std::string question_;  // what the box was asked last
};

TEST_F(WhyCommandTest, FindsTheBoxAtTheUsualPlaceElseTheOnlyOne) {
  EXPECT_EQ(adminAddress("unix:/any", places_), "unix:/any");
  EXPECT_THAT(adminAddress("", places_).error().message(),
              AllOf(HasSubstr(root_.path("wasabi")), HasSubstr("--admin")));
  {
    const FileDescriptor ended = listenAt("127.0.0.1:1.sock");
  }
  EXPECT_FALSE(adminAddress("", places_));
  const FileDescriptor one = listenAt("127.0.0.1:9000.sock");
  EXPECT_EQ(adminAddress("", places_), at("127.0.0.1:9000.sock"));
  const FileDescriptor two = listenAt("127.0.0.1:9001.sock");
  EXPECT_THAT(adminAddress("", places_).error().message(),
              AllOf(HasSubstr(at("127.0.0.1:9000.sock")), HasSubstr(at("127.0.0.1:9001.sock"))));
  const FileDescriptor usual = listenAt("127.0.0.1:8080.sock");
  EXPECT_EQ(adminAddress("", places_), at("127.0.0.1:8080.sock"));
}

TEST_F(WhyCommandTest, AsksAndGivesTheAnswerAsItCameOrInWords) {
  const std::string body = R"({"words":{"answer":"it would run","because":["a: b"],"to_run":[]}})";
  const std::string answer = "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  const FileDescriptor box = listenAt("box.sock");
  const auto as_json = [&] { return why({"t/f", at("box.sock"), "1.5s", true}, places_); };
  EXPECT_EQ(answered(box, answer, as_json), body);
  EXPECT_THAT(question_, HasSubstr("GET /-/why?function=t/f&timeout=1500ms HTTP/1.1\r\n"));
  const auto in_words = [&] { return why({"t/f", at("box.sock"), "", false}, places_); };
  EXPECT_EQ(answered(box, answer, in_words), "it would run\n  a: b\n");
  EXPECT_THAT(question_, HasSubstr("GET /-/why?function=t/f HTTP/1.1\r\n"));
}

TEST_F(WhyCommandTest, WhatGoesWrongIsSaid) {
  EXPECT_FALSE(why({"NO/name", at("box.sock"), "", false}, places_));
  EXPECT_FALSE(why({"t/f", at("box.sock"), "soon", false}, places_));
  EXPECT_THAT(why({"t/f", at("box.sock"), "", false}, places_).error().message(), HasSubstr("no box answers at"));
  EXPECT_FALSE(why({"t/f", "nowhere", "", false}, places_));
  const FileDescriptor box = listenAt("box.sock");
  const auto ask = [&] { return why({"t/f", at("box.sock"), "", true}, places_); };
  const auto failure = [&](const std::string& answer) { return answered(box, answer, ask).error().message(); };
  EXPECT_EQ(failure("HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\ngone\n"), "gone");
  EXPECT_THAT(failure("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}"), HasSubstr("cut its answer short"));
  EXPECT_THAT(failure("SSH-2.0\r\n\r\n"), HasSubstr("no box"));
}

TEST(DescribeWhyTest, ListsWhatIsAndWhatWouldHaveToChange) {
  EXPECT_EQ(describeWhy(R"({"words":{"answer":"it would wait","because":["x","y"],"to_run":["z"]}})"),
            "it would wait\n  x\n  y\nit runs when\n  z\n");
}

TEST(DescribeWhyTest, OtherJsonIsNoAnswer) {
  for (const char* text : {"", "{", "[]", "{}", R"({"words":3})", R"({"words":{"answer":"a"}})",
                           R"({"words":{"answer":"a","because":[1],"to_run":[]}})"}) {
    EXPECT_FALSE(describeWhy(text)) << text;
  }
}

}  // namespace
}  // namespace wasabi::cli
