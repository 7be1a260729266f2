#include "cli/screen_text.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file_descriptor.h"
#include "cli/table.h"

namespace wasabi::cli {
namespace {

TEST(ScreenText, ColoursTakeNoColumns) {
  EXPECT_EQ(painted("ready", Colour::kGood), "\x1b[32mready\x1b[0m");
  EXPECT_EQ(painted("", Colour::kGood), "");
  EXPECT_EQ(columnsOf(painted("ready", Colour::kGood)), 5u);
  EXPECT_EQ(columnsOf("gr\xc3\xbc\xc3\x9f"), 4u);
  EXPECT_EQ(columnsOf("\x1b"), 0u);
  EXPECT_NE(paintedState("ready"), paintedState("failed").replace(5, 6, "ready"));
}

TEST(ScreenText, TablesWithColoursAreAligned) {
  Table table({"STATE", "NAME"});
  table.add({paintedState("ready"), "a"});
  table.add({"building", "b"});
  EXPECT_EQ(table.text(), "STATE     NAME\n\x1b[32mready\x1b[0m     a\nbuilding  b\n");
}

TEST(ScreenText, WhatDrivesATerminalIsShown) {
  EXPECT_EQ(harmless("\x1b]0;owned\x07 a\tb\r\n\x7f"), "\\x1b]0;owned\\x07 a\tb\\x0d\\x0a\\x7f");
  EXPECT_EQ(harmless("\xc2\x9b"
                     "2J gr\xc3\xbc\xc3\x9f"),
            "\\x9b2J gr\xc3\xbc\xc3\x9f");
}

TEST(ScreenText, ColoursAreForTerminalsThatWantThem) {
  const FileDescriptor terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal.valid());
  EXPECT_TRUE(wantsColours(terminal.get(), nullptr, "xterm"));
  EXPECT_TRUE(wantsColours(terminal.get(), "", "xterm"));
  EXPECT_FALSE(wantsColours(terminal.get(), "1", "xterm"));
  EXPECT_FALSE(wantsColours(terminal.get(), nullptr, "dumb"));
  EXPECT_FALSE(wantsColours(terminal.get(), nullptr, nullptr));
  const FileDescriptor file(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  EXPECT_FALSE(wantsColours(file.get(), nullptr, "xterm"));
}

TEST(ScreenText, BytesAreShort) {
  EXPECT_EQ(shortBytes(312), "312 B");
  EXPECT_EQ(shortBytes(1536 * 1024.0), "1.5 MiB");
}

}  // namespace
}  // namespace wasabi::cli
