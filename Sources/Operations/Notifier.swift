import Ledger
import Definition
import Fetch
import Files
import Foundation
import Processes
import Records

/// Tells the programs and servers that the definition's `notify` names how a run begins and ends.
///
/// A notice that can't be delivered is a warning in the log, and changes nothing of the run.
package struct Notifier: Sendable {
  /// How long a program may take.
  private static let limit = Duration.seconds(15)

  private let definition: PipelineDefinition
  private let state: StateFolder
  private let said: @Sendable (String) -> Void
  private let trouble: @Sendable (String) -> Void

  /// Makes the notifier of a definition.
  ///
  /// - Parameters:
  ///   - state: the folder that keeps the last run's exit code, by which a recovery is known.
  ///   - said: takes the output of a program, without secrets.
  ///   - trouble: takes a sentence about a notice that could not be delivered, without secrets.
  package init(
    _ definition: PipelineDefinition, _ state: StateFolder, said: @escaping @Sendable (String) -> Void,
    trouble: @escaping @Sendable (String) -> Void
  ) {
    self.definition = definition
    self.state = state
    let redactor = definition.redactor
    self.said = { said(redactor.redact($0)) }
    self.trouble = { trouble(redactor.redact($0)) }
  }

  private var isNeeded: Bool { !definition.notifyRules.isEmpty }

  /// Tells that a run begins; pings alone are sent.
  package func began() async {
    let pings = definition.notifyRules.compactMap(\.ping)
    guard !pings.isEmpty else { return }
    let http = HTTPClient()
    defer { http.close() }
    for ping in pings { await post(Self.ping(ping, "start"), [], Data(), http, attempts: 1) }
  }

  /// Tells that a run ended, where a rule's occasion is given. Takes note of its exit code.
  package func ended(_ notice: RunNotice) async {
    guard isNeeded else { return }
    let isGood = notice.exitCode == 0
    let isFirstGood = isGood && lastExitCode.map { $0 != 0 } == true
    remember(notice.exitCode)
    let body = data(notice, isRecovery: isFirstGood)
    let http = HTTPClient()
    defer { http.close() }
    for rule in definition.notifyRules {
      if let ping = rule.ping {
        await post(isGood ? ping : Self.ping(ping, "fail"), [], Data(definition.redactor.redact(notice.text).utf8), http)
      }
      let isDue = rule.occasions.contains { occasion in
        switch occasion {
        case .failure: !isGood
        case .recovery: isFirstGood
        case .success: isGood
        }
      }
      guard isDue else { continue }
      if let url = rule.url {
        await post(url, [HTTPHeader(name: "Content-Type", value: "application/json")] + rule.headers, body, http)
      }
      if !rule.command.isEmpty { await run(rule.command, body, notice) }
    }
  }

  private func data(_ notice: RunNotice, isRecovery: Bool) -> Data {
    var object = notice.json
    object["event"] = notice.exitCode != 0 ? "failure" : isRecovery ? "recovery" : "success"
    let data = (try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])) ?? Data()
    return Data((definition.redactor.redact(String(decoding: data, as: UTF8.self)) + "\n").utf8)
  }

  // MARK: The last run's exit code

  /// A failure may come before there is a ledger, so this is not in it.
  private var outcomePath: String { "\(state.path)/\(definition.name).outcome" }

  private var lastExitCode: Int? {
    FileManager.default.contents(atPath: outcomePath).flatMap { Int(String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .newlines)) }
  }

  private func remember(_ exitCode: Int32) {
    do {
      try SystemCall.createFolders(state.path, mode: 0o700)
      try SmallFile.replace(outcomePath, with: Array("\(exitCode)\n".utf8), mode: 0o600)
    } catch {
      let reason = (error as? SystemFailure).map { "can't write \(outcomePath): \(String(cString: strerror($0.code)))" } ?? "\(error)"
      trouble("\(reason); the next run can't tell whether it is a recovery")
    }
  }

  // MARK: Ways

  /// The address with a word after its path, before its query.
  static func ping(_ address: String, _ word: String) -> String {
    let path = address.prefix { $0 != "?" && $0 != "#" }
    return (path.hasSuffix("/") ? String(path) : path + "/") + word + address[path.endIndex...]
  }

  private func post(_ url: String, _ headers: [HTTPHeader], _ body: Data, _ http: HTTPClient, attempts: Int = 3) async {
    var request = HTTPRequest(url: url)
    request.headers = headers.map { ($0.name, $0.value) }
    request.body = Array(body)
    if let failure = await Posting.post(request, http, attempts: attempts) { trouble("could not tell \(url): \(failure)") }
  }

  private func run(_ command: [String], _ body: Data, _ notice: RunNotice) async {
    let environment = [
      "SLUICE_PIPELINE": notice.pipeline, "SLUICE_STATUS": notice.status.rawValue, "SLUICE_EXIT_CODE": "\(notice.exitCode)",
    ]
    do throws(StartFailure) {
      let (ending, printed) = try await PipedCommand.run(
        command, input: Array(body), environment: environment, folder: definition.folder, limit: Self.limit)
      let words = printed.split(separator: "\n").suffix(3).joined(separator: "; ")
      let said = words.isEmpty ? "" : ": \(words)"
      if ending != .exited(0) {
        trouble("\(command[0]), which notify runs, \(ending)\(said)")
      } else if !words.isEmpty {
        self.said("\(command[0]), which notify runs, says\(said)")
      }
    } catch {
      trouble("notify \(error)")
    }
  }
}
