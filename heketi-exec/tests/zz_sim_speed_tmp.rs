use std::sync::Arc; use std::time::{Duration,Instant};
use heketi_exec::sim::*; use heketi_exec::runner::*;
#[tokio::test(flavor="multi_thread", worker_threads=2)]
async fn speed() {
    let sim = SimCluster::new();
    let nodes = 30u32;
    for n in 0..nodes { sim.add_node(&format!("n{n}"), &format!("s{n}"), [SimDisk::gib("/dev/sdb", 100_000)]); sim.adopt_volume_group(&format!("n{n}"),"/dev/sdb","vg_b",None).unwrap(); }
    let names: Vec<String> = (0..nodes).map(|n| format!("n{n}")).collect();
    sim.adopt_peers(&names.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    for round in 0..5u32 {
    let start = Instant::now();
    let per = 2000u32;
    let next = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let mut tasks = vec![];
    for _ in 0..64 { let sim=sim.clone(); let next=next.clone(); tasks.push(tokio::spawn(async move {
        let r = sim.runner();
        loop { let i = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed); if i>=per {break}
            let v = round*per+i;
            let mut bricks = String::new();
            for k in 0..3 { let n=(v*3+k)%nodes; let id=format!("{:032x}", v*3+k); let m=format!("/var/lib/heketi/mounts/vg_b/brick_{id}"); let d=format!("/dev/mapper/vg_b-brick_{id}");
                let lines=[format!("mkdir -p {m}"), format!("/usr/sbin/lvm lvcreate -qq --autobackup=n --poolmetadatasize 8192K --poolmetadataspare n --chunksize 256K --size 1048576K --thin vg_b/tp_{id} --virtualsize 1048576K --name brick_{id}"), format!("mkfs.xfs -i size=512 -n size=8192 {d}"), format!(r#"awk "BEGIN {{print \"{d} {m} xfs rw,inode64,noatime,nouuid 1 2\" >> \"/etc/fstab\"}}""#), format!("mount -o rw,inode64,noatime,nouuid {d} {m}"), format!("mkdir {m}/brick")];
                let b: Batch = lines.iter().map(|l| CommandLine::new(l.clone(), Duration::from_secs(60))).collect();
                let done=r.run(&format!("n{n}"), &b).await.unwrap(); assert!(done.failure().is_none(), "{:?}", done.failure());
                bricks.push_str(&format!(" s{n}:{m}/brick"));
            }
            let b: Batch = [format!("gluster --mode=script --timeout=600 volume create v{v} replica 3{bricks}"), format!("gluster --mode=script --timeout=600 volume set v{v} user.heketi.id 1"), format!("gluster --mode=script --timeout=600 volume start v{v}")].iter().map(|l| CommandLine::new(l.clone(), Duration::from_secs(60))).collect();
            let done=r.run("n0", &b).await.unwrap(); assert!(done.failure().is_none(), "{:?}", done.failure());
        }
    }));}
    for t in tasks { t.await.unwrap(); }
    let e=start.elapsed(); println!("round {round}: {:.0} volumes/s, {:.1} us/line", per as f64/e.as_secs_f64(), e.as_secs_f64()*1e6/(per as f64*21.0));
    }
    let start = Instant::now();
    for v in 0..1000u32 { for k in 0..3 {let n=(v*3+k)%nodes; let id=format!("{:032x}", v*3+k); sim.admin("n0", &format!("gluster --mode=script volume stop v{v} force")); let m=format!("/var/lib/heketi/mounts/vg_b/brick_{id}");
        for l in [format!("umount {m}"), format!("sed -i.save \"/brick_{id}/d\" /etc/fstab"), format!("/usr/sbin/lvm lvremove --autobackup=n -f vg_b/brick_{id}"), format!("/usr/sbin/lvm lvremove --autobackup=n -f vg_b/tp_{id}"), format!("rmdir {m}")] { let r=sim.admin(&format!("n{n}"), &l); assert!(r.success(), "{l} {r:?}"); } } }
    println!("destroy {:.1} us/line", start.elapsed().as_secs_f64()*1e6/(18000.0));
    let start=Instant::now(); let r=sim.admin("n1","mount"); println!("mount {} bytes {:?}", r.stdout.len(), start.elapsed());
    let start=Instant::now(); let r=sim.admin("n1","cat /etc/fstab"); println!("cat {} bytes {:?}", r.stdout.len(), start.elapsed());
    let start=Instant::now(); let r=sim.admin("n1","gluster --mode=script volume info --xml"); println!("info {} bytes {:?}", r.stdout.len(), start.elapsed());
    let start=Instant::now(); let r=sim.admin("n1","/usr/sbin/lvm lvs --noheadings --separator : --options lv_name,pool_lv vg_b"); println!("lvs {} bytes {:?}", r.stdout.len(), start.elapsed());
    let start=Instant::now(); let r=sim.snapshot(); println!("snapshot {} {:?}", r.lines().len(), start.elapsed());
}
