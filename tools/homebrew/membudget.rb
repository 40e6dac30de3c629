# SPDX-License-Identifier: MIT
# The formula of a tap. Homebrew looks for it in a tap's Formula/ only; without a release there is only
# --HEAD:
#   brew tap-new membudget/local --no-git
#   cp tools/homebrew/membudget.rb "$(brew --repository membudget/local)/Formula/"
#   brew install --HEAD membudget/local/membudget
# tools/homebrew/release.sh adds the address and checksum of a release.
class Membudget < Formula
  desc "Memory-budget planner for language models on Apple Silicon"
  homepage "https://github.com/membudget/membudget"
  license "MIT"
  head "https://github.com/membudget/membudget.git", branch: "main"

  depends_on "cli11" => :build
  depends_on "cmake" => :build
  depends_on "ninja" => :build
  depends_on "nlohmann-json" => :build
  depends_on "fmt"

  uses_from_macos "curl"

  def install
    system "cmake", "-S", ".", "-B", "build", "-G", "Ninja",
                    "-DMEMBUDGET_BUILD_TESTS=OFF", *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
  end

  test do
    plan = shell_output("#{bin}/membudget plan qwen2.5-coder:32b --chip m1-max-32gb -c 8k --json")
    assert_match '"verdict": "comfortable"', plan
    (testpath/"test.cpp").write <<~CPP
      #include <membudget/membudget.hpp>
      int main() { return membudget::Profiles::embedded().chip_ids().empty(); }
    CPP
    system ENV.cxx, "-std=c++20", "test.cpp", "-I#{include}", "-L#{lib}", "-lmembudget", "-o", "test"
    system "./test"
  end
end
