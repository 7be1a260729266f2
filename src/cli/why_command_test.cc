#include "cli/why_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "base/file_descriptor.h"
#include "cli/admin_client.h"

namespace wasabi::cli {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class WhyCommandTest : public testing::Test {
 protected:
  WhyCommandTest() {
    std::string path = (fs::temp_directory_path() / "wasabi-why-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
    root_ = path;
    fs::create_directory(root_ / "wasabi");
    places_.runtime_directory = root_;
    places_.user = ::geteuid();
  }
  ~WhyCommandTest() override {
    for (std::thread& thread : threads_) thread.join();
    fs::remove_all(root_);
  }

  FileDescriptor listenAt(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = root_ / "wasabi" / name;
    std::memcpy(address.sun_path, path.data(), path.size());
    FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const void* const place = &address;
    EXPECT_EQ(::bind(listener.get(), static_cast<const sockaddr*>(place), sizeof address), 0);
    EXPECT_EQ(::listen(listener.get(), 8), 0);
    return listener;
  }
  std::string at(const std::string& name) const { return "unix:" + (root_ / "wasabi" / name).string(); }
  // One connection is answered like that, after its question has come.
  void answerOnce(const FileDescriptor& listener, std::string answer) {
    question_.clear();
    threads_.emplace_back([&listener, this, answer = std::move(answer)] {
      const FileDescriptor connection(::accept(listener.get(), nullptr, nullptr));
      std::array<char, 4096> chunk;
      while (question_.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = ::recv(connection.get(), chunk.data(), chunk.size(), 0);
        if (got <= 0) break;
        question_.append(chunk.data(), static_cast<std::size_t>(got));
      }
      ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    });
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  fs::path root_;
  AdminPlaces places_;
  std::string question_;
  std::vector<std::thread> threads_;
};

TEST_F(WhyCommandTest, FindsTheBoxAtTheUsualPlaceElseTheOnlyOne) {
  EXPECT_EQ(adminAddress("unix:/any", places_), "unix:/any");
  EXPECT_THAT(adminAddress("", places_).error().message(), AllOf(HasSubstr(root_ / "wasabi"), HasSubstr("--admin")));
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
  answerOnce(box, answer);
  EXPECT_EQ(why({"t/f", at("box.sock"), "1.5s", true}, places_), body);
  join();
  EXPECT_THAT(question_, HasSubstr("GET /-/why?function=t/f&timeout=1500ms HTTP/1.1\r\n"));
  answerOnce(box, answer);
  EXPECT_EQ(why({"t/f", at("box.sock"), "", false}, places_), "it would run\n  a: b\n");
  join();
}

TEST_F(WhyCommandTest, WhatGoesWrongIsSaid) {
  EXPECT_FALSE(why({"NO/name", at("box.sock"), "", false}, places_));
  EXPECT_FALSE(why({"t/f", at("box.sock"), "soon", false}, places_));
  EXPECT_THAT(why({"t/f", at("box.sock"), "", false}, places_).error().message(), HasSubstr("no box answers at"));
  EXPECT_FALSE(why({"t/f", "nowhere", "", false}, places_));
  const FileDescriptor box = listenAt("box.sock");
  answerOnce(box, "HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\ngone\n");
  EXPECT_EQ(why({"t/f", at("box.sock"), "", true}, places_).error().message(), "gone");
  join();
  answerOnce(box, "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}");
  EXPECT_THAT(why({"t/f", at("box.sock"), "", true}, places_).error().message(), HasSubstr("cut its answer short"));
  join();
  answerOnce(box, "SSH-2.0\r\n\r\n");
  EXPECT_THAT(why({"t/f", at("box.sock"), "", true}, places_).error().message(), HasSubstr("no box"));
  join();
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
