use crate::support::*;

#[test]
fn the_demo_shows_where_each_brick_went_and_why() {
    let output = run(&["demo", "--exit"]);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert_eq!(told.matches("Creating node ").count(), 6);
    assert_eq!(told.matches(" ... OK").count(), 12);
    assert!(!told.contains("Unable"), "{told}");
    for zone in 1..=3 {
        let reason = format!("because no other brick of its set is in zone {zone}");
        assert_eq!(told.matches(&reason).count(), 1, "{told}");
    }
    assert_eq!(told.matches("brick of 100 GiB on ").count(), 3);
    for word in ["mount -t glusterfs ", "heketi-cli", "curl http://127.0.0.1:"] {
        assert!(told.contains(word), "{word} is missing in {told}");
    }
}
