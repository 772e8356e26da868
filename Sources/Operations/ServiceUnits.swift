import Configuration
import Definition
import Foundation

/// A pipeline's run as cron and systemd start it.
package struct ServiceUnits: Sendable {
  /// The pipeline's name, by which units are named.
  package let pipeline: String
  /// The times of the runs.
  package let schedule: CronSchedule
  private let command: [String]
  private let environmentFile: String?

  /// Something that neither form can hold.
  package struct Mistake: Error, CustomStringConvertible {
    /// The mistake as a sentence.
    package let description: String
  }

  /// Makes the forms of a schedule.
  ///
  /// - Parameters:
  ///   - command: the words of the command, each path absolute, since neither cron nor systemd has a shell's folder or PATH.
  ///   - environmentFile: a file of `NAME=VALUE` lines with the variables that the definition uses; nil for none.
  package init(pipeline: String, schedule: CronSchedule, command: [String], environmentFile: String?) throws(Mistake) {
    // A line end would begin a line of the crontab, or a setting of the unit, of its own.
    for word in command + [environmentFile].compactMap({ $0 })
    where word.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
      throw Mistake(
        description: "“\(ShownText.line(word))” holds a line end or another control character, which a crontab and a unit can't hold")
    }
    // systemd trims a setting, and a backslash at its end would take the next line in.
    if let file = environmentFile, file.hasSuffix("\\") || file.trimmingCharacters(in: .whitespaces) != file {
      throw Mistake(description: "the environment file's name “\(file)” ends in a space or a backslash, which a unit can't hold")
    }
    self.pipeline = pipeline
    self.schedule = schedule
    self.command = command
    self.environmentFile = environmentFile
  }

  /// The file name of the service unit.
  package var serviceName: String { "sluice-\(pipeline).service" }
  /// The file name of the timer unit.
  package var timerName: String { "sluice-\(pipeline).timer" }

  /// A line for crontab(5), in which a bare percent sign ends the command.
  package var crontabLine: String {
    let words = command.map(ShellText.word).joined(separator: " ")
    let environment = environmentFile.map { "set -a; . \(ShellText.word($0)); " } ?? ""
    return "\(schedule.text) \(Self.cronText(environment + words))"
  }

  /// A bare percent sign ends a crontab's command; a backslash takes that from it, and, as some crons have it, stands for itself before another
  /// one. So two backslashes, or one before a percent sign, never stand together: a word that has one is in quotes, which may end and begin between.
  private static func cronText(_ text: String) -> String {
    text.replacing("\\\\", with: "\\''\\").replacing("\\\\", with: "\\''\\").replacing("\\%", with: "\\''%").replacing("%", with: "\\%")
  }

  /// The text of the service unit: systemd.service(5).
  package var service: String {
    """
    [Unit]
    Description=Sluice pipeline \(pipeline)
    Wants=network-online.target
    After=network-online.target

    [Service]
    Type=oneshot
    ExecStart=\(execStart)
    \(environmentFile.map { "EnvironmentFile=\(Self.setting($0))\n" } ?? "")# SIGTERM makes it checkpoint what is under way, which it has 10 seconds for; the next start goes on from there.
    KillMode=mixed
    TimeoutStopSec=15
    # 75: interrupted, or still running since the last time.
    SuccessExitStatus=75

    """
  }

  /// The text of the timer unit: systemd.timer(5).
  package var timer: String {
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

  private var execStart: String {
    // In the program's own path a dollar sign stands for itself: systemd.service(5).
    command.enumerated().map { Self.word($1, isProgram: $0 == 0) }.joined(separator: " ")
  }

  private static func setting(_ text: String) -> String { text.replacingOccurrences(of: "%", with: "%%") }

  /// A word of a command line: systemd.service(5), “Command lines”.
  private static func word(_ text: String, isProgram: Bool) -> String {
    let escaped = isProgram ? setting(text) : setting(text).replacingOccurrences(of: "$", with: "$$")
    let isPlain = !escaped.isEmpty && escaped.allSatisfy { !$0.isWhitespace && !"\"'\\;".contains($0) }
    if isPlain { return escaped }
    return "\"" + escaped.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
  }
}
