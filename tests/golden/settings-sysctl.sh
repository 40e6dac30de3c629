# Leaves 4.00 GiB of 32.00 GiB to everything else while the GPU uses all of it; 0 gives the choice back to macOS.
sudo sysctl iogpu.wired_limit_mb=28672
# Lost at the next start, unless:
sudo tee /Library/LaunchDaemons/membudget.wired-limit.plist >/dev/null <<'PLIST'
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>membudget.wired-limit</string>
  <key>ProgramArguments</key>
  <array>
    <string>/usr/sbin/sysctl</string>
    <string>iogpu.wired_limit_mb=28672</string>
  </array>
  <key>RunAtLoad</key>
  <true/>
</dict>
</plist>
PLIST
sudo chown root:wheel /Library/LaunchDaemons/membudget.wired-limit.plist
sudo chmod 644 /Library/LaunchDaemons/membudget.wired-limit.plist
sudo launchctl bootstrap system /Library/LaunchDaemons/membudget.wired-limit.plist
