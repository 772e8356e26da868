import Foundation
import Testing

@Suite("README and docs")
struct DocumentationTests {
  @Test("every command runs and prints what stands below it; every definition is right, or wrong in the way that is told")
  func run() throws {
    let shop = try Workshop()
    let outcome = try shop.run(
      "/usr/bin/env", ["python3", Workshop.root + "/Tests/Docs/docs.py", "check", Workshop.root, Workshop.binary])
    #expect(outcome.status == 0, "\(outcome.stderr)")
    for failure in try #require(outcome.json["failures"] as? [String]) {
      Issue.record("\(failure)\nScripts/docs writes what commands print now into the pages")
    }
    let sum = try #require(outcome.json["sum"] as? [String: Int])
    print("documentation: \(sum.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", "))")
    // A page whose blocks are not seen would have nothing to fail.
    #expect(sum["commands"] ?? 0 > 70 && sum["definitions"] ?? 0 > 20)
    #expect(sum["of the machine"] ?? 0 >= 5)
    // The program that runs this test.
    #expect(sum["not run"] ?? 99 <= 2)
  }

  @Test("links between the pages lead somewhere")
  func links() throws {
    let shop = try Workshop()
    let broken = try shop.python(
      """
      import os, re, sys
      root = sys.argv[1]
      pages = [os.path.join(f, n) for f, _, ns in os.walk(root) if "/." not in f for n in ns if n.endswith(".md")]
      for page in pages:
          text = re.sub(r"```.*?```|`[^`]*`", "", open(page).read(), flags=re.S)
          for target in re.findall(r"\\]\\(([^)\\s]+)\\)", text):
              path = target.split("#")[0]
              if not target.startswith("http") and path and not os.path.exists(os.path.join(os.path.dirname(page), path)):
                  print(os.path.relpath(page, root), target)
      """, Workshop.root)
    #expect(broken.stdout.isEmpty, "\(broken.stdout)")
  }
}
