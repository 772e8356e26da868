import Configuration
import Dataflow
import Definition
import Fetch
import Files
import Foundation
import Ledger
import Planning
import Processes
import Records
import Runs
import Supervision
import Write

/// A look at all that a run of a pipeline needs: definition, programs, sources, sinks, state and notices. Nothing is written or sent, and no
/// program is run.
///
/// Components answer for themselves (``Source/examine(_:in:)``, ``Sink/examine(_:schema:)``); here their findings are gathered.
package struct PipelineExamination: Sendable {
  /// The part of a run that a finding is about.
  package enum Part: String, Sendable {
    case definition, program, source, sink, state, notify

    /// The exit status of a problem in it: that of a run which would meet it.
    var exitStatus: ExitStatus {
      switch self {
      case .definition: .wrongDefinition
      case .program, .source, .notify: .failedItems
      case .sink, .state: .cannotWrite
      }
    }
  }

  /// A finding, and its part of a run.
  package struct Line: Sendable {
    /// The part that was looked at.
    package let part: Part
    /// The finding, without secrets.
    package let finding: Finding
  }

  /// The findings, in the order in which a run needs things.
  package private(set) var lines: [Line] = []
  private let definition: PipelineDefinition
  private let state: StateFolder

  /// Looks at everything.
  ///
  /// - Parameters:
  ///   - definition: as it was loaded.
  ///   - state: the folder of its runs; it need not be there.
  package init(_ definition: PipelineDefinition, _ state: StateFolder) async {
    // Loading does not throw.
    let loaded = (try? await BlockingThreads.files.run { definition.loading() }) ?? definition
    let definition = loaded.working(inState: state.path)
    self.definition = definition
    self.state = state
    let session = FetchSession(definition.redactor)
    defer { session.close() }
    let isSound = await examineDefinition()
    add(.program, definition.programs.map { program($0.command) })
    let sources = await SourceExamination(definition, state, session)
    add(.source, sources.findings)
    let schema = isSound ? await output(sources.items, session) : nil
    await examineSinks(schema, sources.items)
    await add(.state, blocking { [state] in Self.findings(of: state) } ?? [])
    for rule in definition.notifyRules {
      if !rule.command.isEmpty { add(.notify, [program(rule.command)]) }
      for address in [rule.url, rule.ping].compactMap({ $0 }) {
        add(.notify, [Finding("\(HTTPAddress.origin(address)): nothing was sent to it")])
      }
    }
  }

  /// The status to exit with: that of the worst problem; ``ExitStatus/done`` where there is none.
  package var exitStatus: ExitStatus {
    let statuses = lines.filter { $0.finding.problem != nil }.map(\.part.exitStatus)
    return statuses.max { $0.rawValue < $1.rawValue } ?? .done
  }

  private mutating func add(_ part: Part, _ findings: [Finding]) {
    let redact = definition.redactor.redact
    lines += findings.map { finding in
      Line(
        part: part,
        finding: Finding(redact(finding.what), problem: finding.problem.map(redact), remedy: finding.remedy.map(redact)))
    }
  }

  private func blocking<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T? { try? await BlockingThreads.files.run(body) }

  // MARK: The definition

  /// - Returns: whether the definition and the files that its steps load are right.
  private mutating func examineDefinition() async -> Bool {
    do throws(DefinitionErrors) {
      _ = try definition.prepared()
    } catch {
      add(errors: error)
      return false
    }
    add(.definition, [Finding("\(definition.shownPath): its keys, types and expressions are right")])
    add(
      .definition,
      definition.loadedSizes.map { size in
        Finding("\(size.name) is loaded: \(size.records) records, \(SizeText.of(size.bytes)) of memory")
      })
    do throws(DefinitionErrors) {
      try await OutputGuard(definition, state).check()
    } catch {
      add(errors: error)
    }
    return true
  }

  private mutating func add(errors: DefinitionErrors) {
    add(
      .definition,
      errors.sorted.map { error in
        let place = "\(errors.file):\(error.line):\(error.column)"
        return Finding(place, problem: error.message, remedy: "sluice explain \(error.code.rawValue) says more")
      })
  }

  /// The program of a command, which is looked for and not run.
  private func program(_ command: [String]) -> Finding {
    let name = command.first ?? ""
    do throws(StartFailure) {
      return Finding("\(name) is \(try ProgramFile.find(name, in: definition.folder)), and can be executed")
    } catch {
      return Finding(name, problem: error.description)
    }
  }

  // MARK: Sinks

  /// The fields of the records behind all steps; nil where the definition does not give them and no item shows them.
  private mutating func output(_ items: [Item], _ session: FetchSession) async -> Schema? {
    var fields = definition.parse.fields
    if fields == nil { fields = await Sampler(definition: definition, session: session).inferredSchema(items).schema }
    guard let fields else { return nil }
    do throws(DefinitionErrors) {
      return try definition.transformChain(for: fields).output
    } catch {
      add(errors: error)
      return nil
    }
  }

  private mutating func examineSinks(_ schema: Schema?, _ items: [Item]) async {
    let places = OutputGuard(definition, state)
    let context = definition.sinkContext
    for entry in definition.sinks {
      let fields = entry.takesDeadLetters ? DeadLetterRecords.schema : schema
      add(.sink, await blocking { entry.sink.examine(context, schema: fields) } ?? [])
      if let trouble = places.trouble(of: entry, items) { add(.sink, [trouble]) }
    }
  }

  // MARK: State

  private static func findings(of state: StateFolder) -> [Finding] {
    let shown = DefinitionPath.relative(state.path, to: FileManager.default.currentDirectoryPath)
    let path = DefinitionPath.absolute(state.path, in: FileManager.default.currentDirectoryPath)
    var findings = [Finding.folder(path, shown: shown, of: "ledger and downloads")]
    if let mount = FolderLook(path).mount, mount.isRemote {
      findings.append(
        Finding(
          shown, problem: "it is on \(mount.type), a file system of another machine, on which SQLite's WAL does not work",
          remedy: "give --state a folder of a disk of this machine"))
    }
    do throws(LedgerError) {
      guard let ledger = try Ledgers.openReadOnly(state.path) else { return findings }
      let name =
        ledger.place.hasPrefix(path) ? DefinitionPath.relative(ledger.place, to: FileManager.default.currentDirectoryPath) : ledger.place
      if FileManager.default.fileExists(atPath: ledger.place), access(ledger.place, W_OK) != 0 {
        let reason = String(cString: strerror(errno))
        findings.append(
          Finding(name, problem: "it can't be written to: \(reason)", remedy: "make it writable for the user that runs sluice"))
      } else {
        findings.append(Finding("\(name) is a ledger that can be read"))
      }
    } catch {
      findings.append(Finding(error.place, problem: error.reason))
    }
    return findings
  }
}
