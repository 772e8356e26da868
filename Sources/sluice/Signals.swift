import Dispatch
import Foundation

/// Signals, as calls.
final class Signals {
  private let sources: [any DispatchSourceSignal]

  /// - Parameter handle: told the signal's number, one at a time.
  init(_ numbers: [Int32], _ handle: @escaping @Sendable (Int32) -> Void) {
    let queue = DispatchQueue(label: "sluice.signals")
    // A parent may have blocked them for its children.
    var wanted = sigset_t()
    sigemptyset(&wanted)
    for number in numbers { sigaddset(&wanted, number) }
    pthread_sigmask(SIG_UNBLOCK, &wanted, nil)
    sources = numbers.compactMap { number in
      let before = signal(number, SIG_IGN)
      // nohup's children go on ignoring.
      if number == SIGHUP, unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { return nil }
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { handle(number) }
      source.resume()
      return source
    }
  }

  func cancel() { for source in sources { source.cancel() } }
}
