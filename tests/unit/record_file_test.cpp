// SPDX-License-Identifier: MIT
// What happens to records when programs are killed, write at once, or find no room.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/record.hpp"
#include "records/line_file.hpp"
#include "support/refusal.hpp"
#include "support/scratch_folder.hpp"

namespace membudget::record_file_test {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::ScratchFolder;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Record numbered(int writer, int number) {
  Record out;
  out.model = "llama3.1:8b";
  out.rating = 3;
  out.note = fmt::format("{}/{}/{}", writer, number, std::string(300, 'x'));
  return out;
}

void append(const fs::path& file, const Record& record) {
  RecordFile(file).append({&record, 1});
}

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Runs `body` in a process of its own, which ends without running anything of the test.
template <class Body>
pid_t in_process(const Body& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      body();
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  return child;
}

int status_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

std::set<std::string> notes_of(const RecordList& list) {
  std::set<std::string> out;
  for (const Record& record : list.records) out.insert(record.note);
  return out;
}

TEST(RecordFile, HoldsNothingBeforeTheFirstRecord) {
  const ScratchFolder folder;
  const RecordFile file(folder / "deep/er/records.jsonl");
  EXPECT_THAT(file.read().records, IsEmpty());
  append(file.path(), numbered(0, 1));
  append(file.path(), numbered(0, 2));
  const RecordList list = file.read();
  EXPECT_THAT(list.records, SizeIs(2));
  EXPECT_THAT(list.unreadable, IsEmpty());
}

TEST(RecordFile, SurvivesBeingKilledAtAnyTime) {
  const ScratchFolder folder;
  const fs::path file = folder / "records.jsonl";
  std::set<std::string> kept;
  for (int round = 0; round < 8; ++round) {
    int acknowledged[2];
    ASSERT_EQ(::pipe(acknowledged), 0);
    const pid_t child = in_process([&] {
      for (int i = 0;; ++i) {
        append(file, numbered(round, i));
        // Only after append() has returned.
        if (::write(acknowledged[1], &i, sizeof i) != sizeof i) ::_exit(2);
      }
    });
    ::close(acknowledged[1]);
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + 7 * round));
    ::kill(child, SIGKILL);
    EXPECT_TRUE(WIFSIGNALED(status_of(child)));
    int number = 0;
    while (::read(acknowledged[0], &number, sizeof number) == sizeof number) {
      kept.insert(numbered(round, number).note);
    }
    ::close(acknowledged[0]);
  }
  const RecordList list = RecordFile(file).read();
  const auto found = notes_of(list);
  EXPECT_TRUE(std::includes(found.begin(), found.end(), kept.begin(), kept.end()));
  EXPECT_GE(kept.size(), 8U);
  // At most one record a round was written and not acknowledged.
  EXPECT_LE(list.records.size(), kept.size() + 8);
  EXPECT_EQ(found.size(), list.records.size());
}

/// Writes a part and is then killed, as by a power cut in the middle of a write.
class KilledHalfway : public FileCalls {
 public:
  explicit KilledHalfway(std::size_t after) : after_(after) {}
  ssize_t write(int descriptor, const void* bytes, std::size_t count) override {
    static_cast<void>(FileCalls::write(descriptor, bytes, std::min(after_, count)));
    ::raise(SIGKILL);
    return -1;
  }

 private:
  std::size_t after_;
};

TEST(RecordFile, AHalfWrittenRecordSpoilsNoOther) {
  const std::string line = to_json_line(numbered(0, 7)) + "\n";
  for (const std::size_t after : {std::size_t{1}, line.size() / 2, line.size() - 2}) {
    const ScratchFolder folder;
    const fs::path file = folder / "records.jsonl";
    append(file, numbered(0, 1));
    const pid_t child = in_process([&] {
      KilledHalfway calls(after);
      append_lines(file, line, calls);
    });
    ASSERT_TRUE(WIFSIGNALED(status_of(child)));
    const std::string torn = content(file);

    RecordList list = RecordFile(file).read();
    EXPECT_THAT(list.records, SizeIs(1));
    ASSERT_THAT(list.unreadable, SizeIs(1)) << after;
    EXPECT_EQ(list.unreadable[0].line, 2);
    EXPECT_THAT(list.unreadable[0].problem, HasSubstr("cut off"));

    append(file, numbered(0, 2));
    list = RecordFile(file).read();
    EXPECT_THAT(list.records, SizeIs(2));
    ASSERT_THAT(list.unreadable, SizeIs(1));
    EXPECT_EQ(list.unreadable[0].line, 2);
    EXPECT_TRUE(content(file).starts_with(torn + "\n")) << "what was cut off is kept";
  }
}

TEST(RecordFile, ARecordThatLacksOnlyItsEndCounts) {
  const ScratchFolder folder;
  const fs::path file = folder / "records.jsonl";
  std::ofstream(file) << to_json_line(numbered(0, 1));
  append(file, numbered(0, 2));
  const RecordList list = RecordFile(file).read();
  EXPECT_THAT(list.records, SizeIs(2));
  EXPECT_THAT(list.unreadable, IsEmpty());
}

TEST(RecordFile, ManyMayWriteAtOnce) {
  const ScratchFolder folder;
  const fs::path file = folder / "records.jsonl";
  constexpr int writers = 4;
  constexpr int each = 50;
  std::vector<pid_t> children;
  for (int writer = 0; writer < writers; ++writer) {
    children.push_back(in_process([&] {
      for (int i = 0; i < each; ++i) {
        // One and three records at a time.
        const std::vector<Record> some(i % 2 == 0 ? 1U : 3U, numbered(writer, i));
        RecordFile(file).append(some);
      }
    }));
  }
  for (const pid_t child : children) {
    const int status = status_of(child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  const RecordList list = RecordFile(file).read();
  EXPECT_THAT(list.unreadable, IsEmpty());
  EXPECT_EQ(notes_of(list).size(), static_cast<std::size_t>(writers * each));
  EXPECT_THAT(list.records, SizeIs(writers * each * 2));
}

TEST(RecordFile, WritersOfOneProcessMayWriteAtOnce) {
  const ScratchFolder folder;
  const fs::path file = folder / "records.jsonl";
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 4; ++writer) {
    threads.emplace_back([&file, writer] {
      for (int i = 0; i < 25; ++i) append(file, numbered(writer, i));
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(notes_of(RecordFile(file).read()).size(), 100U);
}

TEST(RecordFile, AFullDiskLeavesWhatWasThere) {
  const ScratchFolder folder;
  const fs::path file = folder / "records.jsonl";
  append(file, numbered(0, 1));
  const std::string before = content(file);
  // The kernel itself refuses: it takes a part of the record and then no more.
  const pid_t child = in_process([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{before.size() + 100, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(2);
    try {
      append(file, numbered(0, 2));
    } catch (const Error& error) {
      const std::string said = error.what();
      ::_exit(error.code() == Errc::io && said.find("as it was") != std::string::npos ? 0 : 3);
    }
    ::_exit(4);
  });
  const int status = status_of(child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(content(file), before);
  append(file, numbered(0, 3));
  EXPECT_THAT(RecordFile(file).read().records, SizeIs(2));
}

/// No room after so many bytes, and, with `stuck`, no way to take back what was written.
class FullDisk : public FileCalls {
 public:
  FullDisk(std::size_t room, bool stuck) : room_(room), stuck_(stuck) {}
  ssize_t write(int descriptor, const void* bytes, std::size_t count) override {
    if (room_ == 0) {
      errno = ENOSPC;
      return -1;
    }
    const ssize_t written = FileCalls::write(descriptor, bytes, std::min(room_, count));
    room_ -= static_cast<std::size_t>(written);
    return written;
  }
  int truncate(int descriptor, off_t size) override {
    if (stuck_) {
      errno = EIO;
      return -1;
    }
    return FileCalls::truncate(descriptor, size);
  }

 private:
  std::size_t room_;
  bool stuck_;
};

TEST(RecordFile, ADiskThatCannotTakeBackStillLosesNothingElse) {
  const ScratchFolder folder;
  const fs::path file = folder / "records.jsonl";
  append(file, numbered(0, 1));
  FullDisk full(40, true);
  const Error error = error_of([&] {
    append_lines(file, to_json_line(numbered(0, 2)) + "\n", full);
    return 0;
  });
  EXPECT_EQ(error.code(), Errc::io);
  EXPECT_THAT(error.what(), HasSubstr("No space left on device"));
  append(file, numbered(0, 3));
  const RecordList list = RecordFile(file).read();
  EXPECT_EQ(notes_of(list), (std::set<std::string>{numbered(0, 1).note, numbered(0, 3).note}));
  EXPECT_THAT(list.unreadable, SizeIs(1));
}

/// Says it wrote, and fails when the data is to reach the disk.
class LostDisk : public FileCalls {
 public:
  int sync(int /*descriptor*/) override {
    errno = EIO;
    return -1;
  }
};

TEST(RecordFile, ADiskThatLosesDataIsTold) {
  const ScratchFolder folder;
  const fs::path file = folder / "records.jsonl";
  append(file, numbered(0, 1));
  LostDisk lost;
  const Error error = error_of([&] {
    append_lines(file, to_json_line(numbered(0, 2)) + "\n", lost);
    return 0;
  });
  EXPECT_EQ(error.code(), Errc::io);
  EXPECT_THAT(RecordFile(file).read().records, SizeIs(1));
}

TEST(RecordFile, ALineThatIsNoneIsTakenOutOfNothing) {
  const ScratchFolder folder;
  const fs::path file = folder / "records.jsonl";
  append(file, numbered(0, 1));
  {
    std::ofstream out(file, std::ios::app | std::ios::binary);
    out << "\n   \r\nnot a record\n"
        << std::string(40, '\0') << "\n"
        << std::string(std::size_t{2} << 20, 'a') << "\n"
        << R"({"schema": "membudget.record/1", "model": "a", "rating": 9})"
        << "\n";
  }
  append(file, numbered(0, 2));
  const RecordList list = RecordFile(file).read();
  EXPECT_THAT(list.records, SizeIs(2));
  ASSERT_THAT(list.unreadable, SizeIs(4));
  EXPECT_EQ(list.unreadable[0].line, 4);
  EXPECT_THAT(list.unreadable[0].problem, HasSubstr("not one JSON object"));
  EXPECT_EQ(list.unreadable[1].line, 5);
  EXPECT_EQ(list.unreadable[2].line, 6);
  EXPECT_THAT(list.unreadable[2].problem, HasSubstr("longer than any record"));
  EXPECT_EQ(list.unreadable[3].line, 7);
  EXPECT_THAT(list.unreadable[3].problem, HasSubstr("rating"));
}

TEST(RecordFile, IsNotMadeOfADevice) {
  Record record = numbered(0, 1);
  const Error error = error_of([&] {
    RecordFile("/dev/null").append({&record, 1});
    return 0;
  });
  EXPECT_EQ(error.code(), Errc::io);
  EXPECT_THAT(error.what(), HasSubstr("not a regular file"));
}

TEST(ReplacedFile, IsTheOldOneOrTheNewOne) {
  const ScratchFolder folder;
  const fs::path file = folder / "a/calibration.json";
  replace_file(file, "old\n");
  FullDisk full(2, false);
  const Error error = error_of([&] {
    replace_file(file, "new text\n", full);
    return 0;
  });
  EXPECT_EQ(error.code(), Errc::io);
  EXPECT_EQ(content(file), "old\n");
  const pid_t child = in_process([&] {
    KilledHalfway calls(3);
    replace_file(file, "new text\n", calls);
  });
  EXPECT_TRUE(WIFSIGNALED(status_of(child)));
  EXPECT_EQ(content(file), "old\n");
  replace_file(file, "new text\n");
  EXPECT_EQ(content(file), "new text\n");
}

}  // namespace
}  // namespace membudget::record_file_test
