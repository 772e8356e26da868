import Foundation

/// A pipeline's run as cron and systemd start it.
public struct ServiceUnits: Sendable {
  public let pipeline: String
  public let schedule: CronSchedule
  /// Every word with an absolute path, for neither has a shell's folder or PATH.
  public let command: [String]
  /// A file of `NAME=VALUE` lines with what the definition takes from the environment.
  public let environmentFile: String?

  public init(pipeline: String, schedule: CronSchedule, command: [String], environmentFile: String?) {
    self.pipeline = pipeline
    self.schedule = schedule
    self.command = command
    self.environmentFile = environmentFile
  }

  public var serviceName: String { "sluice-\(pipeline).service" }
  public var timerName: String { "sluice-\(pipeline).timer" }

  /// A line for crontab(5), in which a bare percent sign ends the command.
  public var crontabLine: String {
    let words = command.map(ShellText.word).joined(separator: " ")
    let environment = environmentFile.map { "set -a; . \(ShellText.word($0)); " } ?? ""
    return "\(schedule.text) \((environment + words).replacingOccurrences(of: "%", with: "\\%"))"
  }

  /// systemd.service(5)
  public var service: String {
    """
    [Unit]
    Description=Sluice pipeline \(pipeline)
    Wants=network-online.target
    After=network-online.target

    [Service]
    Type=oneshot
    ExecStart=\(command.map(Self.word).joined(separator: " "))
    \(environmentFile.map { "EnvironmentFile=\(Self.setting($0))\n" } ?? "")# SIGTERM makes it checkpoint what is under way, which it has 10 seconds for; the next start goes on from there.
    KillMode=mixed
    TimeoutStopSec=15
    # 75: interrupted, or still running since the last time.
    SuccessExitStatus=75

    """
  }

  /// systemd.timer(5)
  public var timer: String {
    """
    [Unit]
    Description=Sluice pipeline \(pipeline), at \(schedule.text)

    [Timer]
    \(schedule.onCalendar.map { "OnCalendar=\($0)" }.joined(separator: "\n"))
    # What was missed while the machine was off is made up for.
    Persistent=true

    [Install]
    WantedBy=timers.target

    """
  }

  private static func setting(_ text: String) -> String { text.replacingOccurrences(of: "%", with: "%%") }

  /// A word of a command line: systemd.service(5), “Command lines”.
  private static func word(_ text: String) -> String {
    let escaped = setting(text).replacingOccurrences(of: "$", with: "$$")
    let isPlain = !escaped.isEmpty && escaped.allSatisfy { !$0.isWhitespace && !"\"'\\;".contains($0) }
    if isPlain { return escaped }
    return "\"" + escaped.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
  }
}
