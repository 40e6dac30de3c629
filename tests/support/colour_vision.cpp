// SPDX-License-Identifier: MIT
#include "support/colour_vision.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <string>

namespace membudget::test {
namespace {

using Triple = std::array<double, 3>;
using Matrix = std::array<Triple, 3>;

Triple linear_rgb(std::string_view colour) {
  Triple out{};
  for (std::size_t i = 0; i < 3; ++i) {
    const double value = std::stoi(std::string(colour.substr(1 + 2 * i, 2)), nullptr, 16) / 255.0;
    out[i] = value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  }
  return out;
}

double luminance(const Triple& rgb) {
  return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
}

Triple times(const Matrix& matrix, const Triple& v) {
  Triple out{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) out[i] += matrix[i][j] * v[j];
  }
  return out;
}

Triple lab(const Triple& rgb) {
  constexpr Matrix xyz{{{0.4124564, 0.3575761, 0.1804375},
                        {0.2126729, 0.7151522, 0.0721750},
                        {0.0193339, 0.1191920, 0.9503041}}};
  Triple inside = rgb;
  for (double& value : inside) value = std::clamp(value, 0.0, 1.0);
  Triple v = times(xyz, inside);
  v[0] /= 0.95047;
  v[2] /= 1.08883;
  for (double& t : v) t = t > 216.0 / 24389 ? std::cbrt(t) : (24389.0 / 27 * t + 16) / 116;
  return {116 * v[1] - 16, 500 * (v[0] - v[1]), 200 * (v[1] - v[2])};
}

double radians(double degrees) {
  return degrees * std::numbers::pi / 180;
}

double hue(double a, double b) {
  if (a == 0 && b == 0) return 0;
  const double degrees = std::atan2(b, a) * 180 / std::numbers::pi;
  return degrees < 0 ? degrees + 360 : degrees;
}

}  // namespace

Triple seen(std::string_view colour, Vision vision) {
  const Triple rgb = linear_rgb(colour);
  switch (vision) {
    case Vision::usual:
      return rgb;
    case Vision::grey:
      return {luminance(rgb), luminance(rgb), luminance(rgb)};
    case Vision::no_red:
      return times({{{0.152286, 1.052583, -0.204868},
                     {0.114503, 0.786281, 0.099216},
                     {-0.003882, -0.048116, 1.051998}}},
                   rgb);
    case Vision::no_green:
      return times({{{0.367322, 0.860646, -0.227968},
                     {0.280085, 0.672501, 0.047413},
                     {-0.011820, 0.042940, 0.968881}}},
                   rgb);
    case Vision::no_blue:
      return times({{{1.255528, -0.076749, -0.178779},
                     {-0.078411, 0.930809, 0.147602},
                     {0.004733, 0.691367, 0.303900}}},
                   rgb);
  }
  return rgb;
}

double lab_difference(const Triple& first, const Triple& second) {
  const double chroma = (std::hypot(first[1], first[2]) + std::hypot(second[1], second[2])) / 2;
  const double seventh = std::pow(chroma, 7);
  const double stretch = 1.5 - 0.5 * std::sqrt(seventh / (seventh + std::pow(25, 7)));
  const double a1 = first[1] * stretch;
  const double a2 = second[1] * stretch;
  const double c1 = std::hypot(a1, first[2]);
  const double c2 = std::hypot(a2, second[2]);
  const double h1 = hue(a1, first[2]);
  const double h2 = hue(a2, second[2]);
  const bool grey = c1 * c2 == 0;
  double turn = grey ? 0 : h2 - h1;
  if (turn > 180) turn -= 360;
  if (turn < -180) turn += 360;
  const double dl = second[0] - first[0];
  const double dc = c2 - c1;
  const double dh = 2 * std::sqrt(c1 * c2) * std::sin(radians(turn / 2));
  const double l = (first[0] + second[0]) / 2;
  const double c = (c1 + c2) / 2;
  double h = h1 + h2;
  if (!grey) {
    h = std::abs(h1 - h2) <= 180 ? h / 2 : h < 360 ? (h + 360) / 2 : (h - 360) / 2;
  }
  const double t = 1 - 0.17 * std::cos(radians(h - 30)) + 0.24 * std::cos(radians(2 * h)) +
                   0.32 * std::cos(radians(3 * h + 6)) - 0.2 * std::cos(radians(4 * h - 63));
  const double turned = 30 * std::exp(-std::pow((h - 275) / 25, 2));
  const double c7 = std::pow(c, 7);
  const double rotation =
      -2 * std::sqrt(c7 / (c7 + std::pow(25, 7))) * std::sin(radians(2 * turned));
  const double sl = 1 + 0.015 * std::pow(l - 50, 2) / std::sqrt(20 + std::pow(l - 50, 2));
  const double sc = 1 + 0.045 * c;
  const double sh = 1 + 0.015 * c * t;
  return std::sqrt(std::pow(dl / sl, 2) + std::pow(dc / sc, 2) + std::pow(dh / sh, 2) +
                   rotation * dc / sc * dh / sh);
}

double difference(const Triple& a, const Triple& b) {
  return lab_difference(lab(a), lab(b));
}

double contrast(std::string_view a, std::string_view b) {
  const double first = luminance(linear_rgb(a)) + 0.05;
  const double second = luminance(linear_rgb(b)) + 0.05;
  return std::max(first, second) / std::min(first, second);
}

}  // namespace membudget::test
