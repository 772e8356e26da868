import ArgumentParser
import Configuration
import Definition
import Dataflow
import Isolation
import Operations
import Planning
import Runs
import Files
import Foundation

struct Schedule: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a crontab line and a systemd service and timer that run a pipeline.",
    discussion: """
      Nothing is installed. Put the line into crontab -e, or write the units with --to and enable the timer:
        sluice schedule pipeline.yaml --cron '0 3 * * *' --to /etc/systemd/system
        systemctl daemon-reload && systemctl enable --now sluice-NAME.timer
      """)

  enum Form: String, ExpressibleByArgument, CaseIterable { case crontab, service, timer }

  @Argument(help: "The definition's path.", completion: .file(extensions: ["yaml", "yml"])) var pipeline: String
  @Option(help: ArgumentHelp("When: five parts as in crontab(5), or @daily and the like.", valueName: "schedule")) var cron: String
  @Option(help: "Only this: crontab, service or timer.") var only: Form?
  @Option(help: ArgumentHelp("Write the units into this folder, in the place of those that are there.", valueName: "dir")) var to: String?
  @Option(help: ArgumentHelp("A file of NAME=VALUE lines: what the definition takes from the environment.", valueName: "file"))
  var environmentFile: String?
  @OptionGroup var timing: TimingOptions
  @OptionGroup var variables: VariableOptions
  @OptionGroup var common: CommonOptions

  func run() async throws {
    let console = try common.console()
    let (values, environment) = (try variables.values(), try environment())
    for (name, value) in values where Self.wantsShell(value) {
      throw ValidationError(
        "--var \(name)=\(value): cron and systemd would hand it on as it is, and nothing expands it; {run.date} in write.path is the day of the run, and a script that calls sluice run --var \(name)=… may work out more"
      )
    }
    let definition: PipelineDefinition
    do throws(DefinitionErrors) {
      definition = try PipelineDefinition.load(path: pipeline, variables: values, environment: environment)
    } catch {
      throw console.fail(.definition(error))
    }
    console.hide(definition.redactor)
    let schedule: CronSchedule
    do throws(CronSchedule.Mistake) {
      schedule = try CronSchedule(cron)
    } catch {
      throw ValidationError("--cron: \(error) [\(ErrorCode.wrongSchedule.rawValue)]")
    }
    let units: ServiceUnits
    do throws(ServiceUnits.Mistake) {
      units = try ServiceUnits(
        pipeline: definition.name, schedule: schedule, command: command(definition), environmentFile: environmentFile.map(absolute))
    } catch {
      throw ValidationError(error.description)
    }
    if let to { return try write(units, to, console) }
    show(units, console)
  }

  /// Whether a value is written for a shell: `$(date)`, a command in backticks, `$NAME`, `${NAME}`.
  private static func wantsShell(_ value: String) -> Bool { value.contains("`") || value.contains(#/\$[({A-Z_]/#) }

  /// The variables that the definition would have when it is started: this environment, and those of the file.
  private func environment() throws -> [String: String] {
    var environment = ProcessInfo.processInfo.environment
    guard let environmentFile else { return environment }
    guard let data = FileManager.default.contents(atPath: environmentFile) else {
      throw ValidationError("--environment-file: can't read \(environmentFile)")
    }
    for line in String(decoding: data, as: UTF8.self).split(separator: "\n") where !line.hasPrefix("#") {
      guard let equals = line.firstIndex(of: "=") else { continue }
      let value = line[line.index(after: equals)...].trimmingCharacters(in: CharacterSet(charactersIn: "\"'"))
      environment[line[..<equals].trimmingCharacters(in: .whitespaces)] = value
    }
    return environment
  }

  private func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }

  private func command(_ definition: PipelineDefinition) -> [String] {
    // Where this very program is, by its own look.
    let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "sluice"
    var command = [program, "run", definition.file, "--quiet"]
    if let state = common.state { command += ["--state", absolute(state)] }
    if let wait = timing.wait { command += ["--wait", wait.text] }
    if let most = timing.maxDuration { command += ["--max-duration", most.text] }
    for variable in variables.variables { command += ["--var", variable] }
    return command
  }

  private func show(_ units: ServiceUnits, _ console: Console) {
    let next = units.schedule.next(after: Date(), count: 3)
    switch (common.output, only) {
    case (.json, _):
      console.print(json: [
        "pipeline": units.pipeline, "crontab": units.crontabLine, "service": units.service, "timer": units.timer,
        "on_calendar": units.schedule.onCalendar, "next": next.map { $0.ISO8601Format() },
      ])
    case (.text, .crontab): console.print(text: units.crontabLine)
    case (.text, .service): console.print(text: units.service)
    case (.text, .timer): console.print(text: units.timer)
    case (.text, nil):
      console.print(
        text: """
          # Next: \(next.map { $0.formatted(.iso8601.dateTimeSeparator(.space)) }.joined(separator: ", "))

          # For crontab -e. cron mails what is printed, and that is nothing unless something is wrong.
          \(units.crontabLine)

          # \(units.serviceName)
          \(units.service)
          # \(units.timerName)
          \(units.timer)
          """)
    }
  }

  private func write(_ units: ServiceUnits, _ folder: String, _ console: Console) throws {
    for (name, text) in [(units.serviceName, units.service), (units.timerName, units.timer)] {
      let path = "\(folder)/\(name)"
      do {
        try SmallFile.replace(path, with: Array(text.utf8))
      } catch {
        throw console.fail("\(error)", .cannotWrite)
      }
      if !common.quiet { console.print("wrote \(path)") }
    }
    if !common.quiet { console.print("now: systemctl daemon-reload && systemctl enable --now \(units.timerName)") }
  }
}
