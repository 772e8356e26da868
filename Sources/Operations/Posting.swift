import Fetch
import Foundation
import Synchronization

/// Sends requests that a run does not depend on.
enum Posting {
  /// How long a try may take, and how many there are.
  private static let limit = Duration.seconds(15)
  private static let attempts = 3

  /// Sends a request, again where that may help.
  ///
  /// - Returns: why it could not be delivered, and how often it was tried; nil where the server took it.
  static func post(_ request: HTTPRequest, _ http: HTTPClient, attempts: Int = attempts) async -> String? {
    var request = request
    request.timeouts.connect = .seconds(5)
    request.timeouts.total = limit
    for attempt in 1... {
      let failure: FetchError
      do {
        let receiver = StatusReceiver()
        for try await _ in http.send(request, to: receiver) {}
        if (200..<300).contains(receiver.status) { return nil }
        failure = .status(receiver.status, retryAfter: nil)
      } catch let error as FetchError {
        failure = error
      } catch {
        return "\(error)"
      }
      guard attempt < attempts, failure.isTransient else { return "\(failure)\(attempt > 1 ? ", \(attempt) times" : "")" }
      do { try await Task.sleep(for: .seconds(attempt)) } catch { return "\(failure)" }
    }
    return nil
  }
}

private final class StatusReceiver: HTTPReceiver {
  private let head = Mutex(0)
  var status: Int { head.withLock { $0 } }

  func begin(_ head: HTTPHead) -> Bool {
    self.head.withLock { $0 = head.status }
    return true
  }

  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool { true }
}
