//! What is told of what was found: everything new, once, in documents that fit.

use proptest::prelude::*;

use super::*;

fn found(names: &[&str]) -> Found {
    let file = |name: &&str| FoundFile {
        name: (*name).into(),
        bytes: 1,
        version: "etag".into(),
        modified: 100,
    };
    Found { files: names.iter().map(file).collect(), unusable: 0 }
}

fn everything() -> ListRequest {
    ListRequest { changed_by: i64::MAX, ..ListRequest::default() }
}

#[test]
fn a_file_has_another_id_in_another_bucket_under_another_name_and_in_another_version() {
    let id = |bucket: &str, name: &str, version: &str| {
        let file = FoundFile { version: version.into(), ..found(&[name]).files.remove(0) };
        listed(file, bucket).id
    };
    let one = id("s3://sales/", "a.csv", "1");
    assert_eq!(one, "0cacda2d9d346346", "it must stay the same: SalesImports are named after it");
    for other in [
        id("gs://sales/", "a.csv", "1"),
        id("s3://sales/", "b.csv", "1"),
        id("s3://sales/", "a.csv", "2"),
    ] {
        assert_ne!(one, other);
    }
}

#[test]
fn what_is_known_young_or_empty_is_left_out_and_what_is_gone_is_told() {
    let all = listing(found(&["b", "c", "a"]), "", &everything());
    let names =
        |listing: &Listing| listing.files.iter().map(|file| file.name.clone()).collect::<Vec<_>>();
    assert_eq!((names(&all), all.more), (vec!["a".into(), "b".into(), "c".into()], 0));
    let known: HashSet<_> =
        [all.files[1].id.clone(), "0123456789abcdef".into()].into_iter().collect();
    let rest = listing(found(&["a", "b", "c"]), "", &ListRequest { known, ..everything() });
    assert_eq!(names(&rest), ["a", "c"]);
    assert_eq!(rest.gone, ["0123456789abcdef"]);
    let after = ListRequest { after: Some("a".into()), ..everything() };
    assert_eq!(names(&listing(found(&["a", "b"]), "", &after)), ["b"]);
    let old = ListRequest { changed_by: 99, ..ListRequest::default() };
    let young = listing(found(&["a", "b"]), "", &old);
    assert_eq!((young.files.len(), young.young, young.more), (0, 2, 0));
    let mut empty = found(&["a"]);
    empty.files[0].bytes = 0;
    assert_eq!(listing(empty, "", &everything()), Listing::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn listing_after_listing_tells_every_file_once_and_each_document_fits(
        names in proptest::collection::btree_set("[-a-zé\"\\\\ /]{1,600}", 0..30),
        version in "[\"\\\\a-z]{0,200}",
        gone in proptest::collection::hash_set("[0-9a-f]{16}", 0..100),
    ) {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let mut request = ListRequest { known: gone.clone(), ..everything() };
        let mut told = Vec::new();
        let mut left = gone.len();
        loop {
            let mut found = found(&names);
            found.files.iter_mut().for_each(|file| file.version.clone_from(&version));
            found.unusable = u64::MAX;
            let listing = listing(found, "s3://sales/", &request);
            let json = ListOutcome::Listed(listing.clone()).to_json();
            prop_assert!(json.len() <= MAX_BYTES, "{}", json.len());
            prop_assert!(!listing.files.is_empty() || listing.more == 0);
            prop_assert!(!listing.gone.is_empty() || left == 0);
            left -= listing.gone.len();
            listing.gone.iter().for_each(|id| assert!(request.known.remove(id)));
            if listing.files.is_empty() && left == 0 {
                break;
            }
            for file in listing.files {
                prop_assert!(request.known.insert(file.id));
                told.push(file.name);
            }
            let at_hand = names.iter().filter(|name| name.len() <= MAX_NAME).count();
            prop_assert_eq!(usize::try_from(listing.more).unwrap(), at_hand - told.len());
        }
        let mut expected: Vec<_> = names.iter().filter(|name| name.len() <= MAX_NAME).collect();
        expected.sort_unstable();
        prop_assert!(told.iter().eq(expected.into_iter().copied()));
    }
}
